/// A span that work can be done in; without `tracing`, nothing.
#[derive(Clone)]
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl Span {
    #[cfg(feature = "tracing")]
    pub(super) fn new(span: tracing::Span) -> Self {
        Self { span }
    }

    /// No span.
    pub(super) fn none() -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::Span::none(),
        }
    }

    /// The work, done in the span.
    pub(crate) fn cover<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        #[cfg(feature = "tracing")]
        let work = tracing::Instrument::instrument(work, self.span);
        work
    }

    /// Tells what belongs to the span.
    #[cfg(feature = "tracing")]
    pub(super) fn within(&self, tell: impl FnOnce(&tracing::Span)) {
        self.span.in_scope(|| tell(&self.span));
    }
}
