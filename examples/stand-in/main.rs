//! The app behind an example: unprotected, and as talkative as the real one.
//!
//! It is handed a table of endpoints and answers each of them with 200 and what it saw. What reaches it is told on
//! standard output, a line a request.
#![allow(clippy::print_stdout, reason = "its lines are what it is for")]

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;

mod app;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(table), Some(listen), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        anyhow::bail!(
            "usage: stand-in TABLE ADDRESS:PORT, such as examples/kometa/endpoints.json 127.0.0.1:8000"
        );
    };
    let listen: SocketAddr =
        listen.parse().with_context(|| format!("not an address and port: `{listen}`"))?;
    let text = std::fs::read_to_string(&table).with_context(|| format!("cannot be read: `{table}`"))?;
    let endpoints = app::read(&text).with_context(|| format!("not a table of endpoints: `{table}`"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot be listened on: `{listen}`"))?;
        println!("{} endpoints on http://{}, open to anybody", endpoints.len(), listener.local_addr()?);
        let told = Arc::new(|served: app::Served| {
            println!("{} {} {}, {} bytes", served.status, served.method, served.path, served.bytes);
        });
        axum::serve(listener, app::router(endpoints, told)).await?;
        Ok(())
    })
}
