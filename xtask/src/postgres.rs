//! `cargo xtask postgres`: a throwaway server for whoever runs single tests by hand.

use std::io;

use annals_test_server::{Binaries, Server};

use crate::{database::exports, failure::Failure};

pub(crate) fn run(major: Option<u32>) -> Result<(), Failure> {
    let binaries = major.map_or_else(Binaries::find, Binaries::find_major)?;
    let server = Server::start(&binaries)?;
    println!("Postgres {}, until Ctrl-C or the end of input:\n", binaries.version());
    println!("{}", server.url());
    println!("\nIn the terminal where the tests run:\n\n{}", exports(&server));
    if let Some(psql) = binaries.program("psql") {
        println!("\nTo look inside:\n\n{} {}", psql.display(), server.url());
    }
    // An input that cannot be read is at its end.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    Ok(())
}
