//! Where the server is that the programs talk to, and by which key; from the environment.

use std::env::var;

pub const MODEL: &str = "parley-tiny";

/// The server's address without a path, as in `http://127.0.0.1:8000`.
pub fn url() -> String {
    var("PARLEY_URL").expect("PARLEY_URL is the server's address")
}

/// The key that opens the server.
pub fn key() -> String {
    var("PARLEY_KEY").expect("PARLEY_KEY is the server's key")
}

/// The data of each event of a stream, without the `[DONE]` that has to end it.
pub fn events(body: &str) -> Vec<&str> {
    let mut data: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.pop(), Some("[DONE]"));
    data
}
