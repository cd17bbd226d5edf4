//! Holds a server until the end of its input, or its own: for tests of how owners end.

use std::io;

use annals_test_server::{Binaries, Error, Server};

fn main() -> Result<(), Error> {
    let server = Server::with_settings(&Binaries::find()?, &[("fsync", "off")])?;
    println!("{}", server.port());
    println!("{}", server.pid());
    println!("{}", server.folder().display());
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    Ok(())
}
