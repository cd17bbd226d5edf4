//! A session with a server: as much of the protocol as these tests need, which is a page.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

pub(crate) struct Session(TcpStream);

impl Session {
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let version = 196_608_u32.to_be_bytes();
        stream.write_all(&message(&version, b"user\0postgres\0database\0postgres\0\0"))?;
        let mut session = Self(stream);
        session.until_ready()?;
        Ok(session)
    }

    /// The first column of each row, as text.
    pub(crate) fn query(&mut self, sql: &str) -> io::Result<Vec<String>> {
        self.send(sql)?;
        self.until_ready()
    }

    /// Sends a query and does not wait for its end.
    pub(crate) fn send(&mut self, sql: &str) -> io::Result<()> {
        self.0.write_all(b"Q")?;
        self.0.write_all(&message(sql.as_bytes(), b"\0"))
    }

    pub(crate) fn until_ready(&mut self) -> io::Result<Vec<String>> {
        let mut rows = Vec::new();
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head)?;
            let [kind, length @ ..] = head;
            let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
            self.0.read_exact(&mut body)?;
            match kind {
                // The number of columns, then the length of the first one and its text.
                b'D' => {
                    let length = u32::from_be_bytes(body[2..6].try_into().unwrap()) as usize;
                    rows.push(String::from_utf8_lossy(&body[6..6 + length]).into_owned());
                }
                b'E' => return Err(io::Error::other(String::from_utf8_lossy(&body).into_owned())),
                b'Z' => return Ok(rows),
                _ => {}
            }
        }
    }
}

fn message(head: &[u8], tail: &[u8]) -> Vec<u8> {
    let length = u32::try_from(head.len() + tail.len() + 4).unwrap();
    [&length.to_be_bytes(), head, tail].concat()
}
