//! Connections that close: the answer is written, and the client gets some time to read it.
//!
//! They no longer count among the connections of the listener, so a client that stays keeps no other away. Bounds: at most
//! [`MOST`]; one more closes the oldest.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use crate::edge::client::http1::Connection;
use crate::stage::Stage;

/// The most connections that close at the same time.
const MOST: usize = 32;

/// The connections that close.
#[derive(Debug, Default)]
pub(super) struct ClosingConnections {
    /// Oldest first. Dropping a sender closes its connection.
    leave: Mutex<VecDeque<oneshot::Sender<()>>>,
}

impl ClosingConnections {
    /// Makes room for one more.
    pub(super) fn enter(&self) -> ClosingSlot {
        let (leave, told_to_leave) = oneshot::channel();
        let mut all = self.leave.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|end| !end.is_closed());
        while all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(leave);
        ClosingSlot(told_to_leave)
    }
}

/// Room for one connection that closes.
#[derive(Debug)]
pub(super) struct ClosingSlot(oneshot::Receiver<()>);

impl ClosingSlot {
    /// Writes the answer and closes the connection, unless a newer connection needs the room first.
    pub(super) async fn finish(
        self,
        mut connection: Connection<TcpStream>,
        last: &[u8],
        stage: &mut watch::Receiver<Stage>,
    ) {
        let farewell = async {
            connection.write_answer(last).await;
            connection.close(stage).await;
        };
        tokio::select! {
            biased;
            () = farewell => {}
            _ = self.0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use tokio::net::TcpListener;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    #[test]
    fn one_too_many_takes_the_place_of_the_oldest() {
        let ends = ClosingConnections::default();
        let mut all: Vec<ClosingSlot> = (0..MOST + 2).map(|_| ends.enter()).collect();
        let told: Vec<bool> =
            all.iter_mut().map(|end| end.0.try_recv() == Err(TryRecvError::Closed)).collect();
        let expected: Vec<bool> = (0..MOST + 2).map(|n| n < 2).collect();
        assert_eq!(told, expected);
        // Who went makes room.
        all.pop();
        let mut newest = ends.enter();
        assert!(
            all.iter_mut()
                .skip(2)
                .chain([&mut newest])
                .all(|end| end.0.try_recv() == Err(TryRecvError::Empty))
        );
    }

    /// It would be waited for longer than here.
    #[tokio::test]
    async fn a_client_that_does_not_take_its_answer_is_left_for_newer_ones() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let (ends, stage) = (ClosingConnections::default(), watch::Sender::new(Stage::Serving));
        let (end, mut stage) = (ends.enter(), stage.subscribe());
        let seen_off = tokio::spawn(async move {
            end.finish(Connection::new(tcp), &vec![b'x'; 16 << 20], &mut stage).await;
        });
        let _newer: Vec<ClosingSlot> = (0..MOST).map(|_| ends.enter()).collect();
        tokio::time::timeout(Duration::from_secs(8), seen_off).await.unwrap().unwrap();
    }
}
