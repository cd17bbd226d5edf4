use std::error::Error;

/// An error with its sources, in one line.
pub(crate) fn report(error: &(dyn Error + 'static)) -> String {
    let mut report = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        report.push_str(": ");
        report.push_str(&error.to_string());
        source = error.source();
    }
    report
}
