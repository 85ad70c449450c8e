//! Connections whose answer is ready: it is written, and the client gets a while to read it.
//!
//! They hold no place of the listener any more, since whoever stays would keep others away. There are no more than
//! [`MOST`]: one more takes the place of the oldest.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{oneshot, watch};

use crate::edge::line::Line;
use crate::stage::Stage;

/// At once.
const MOST: usize = 32;

/// The connections that end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// From the oldest to the newest. One that is taken out of here is closed.
    leave: Mutex<VecDeque<oneshot::Sender<()>>>,
}

impl Ends {
    /// Room for one more.
    pub(super) fn enter(&self) -> End {
        let (leave, told_to_leave) = oneshot::channel();
        let mut all = self.leave.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|end| !end.is_closed());
        while all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(leave);
        End(told_to_leave)
    }
}

/// Room for one connection that ends.
#[derive(Debug)]
pub(super) struct End(oneshot::Receiver<()>);

impl End {
    /// Says the last word and hangs up, for as long as nobody newer needs the room.
    pub(super) async fn see_off(self, mut line: Line, last: &[u8], stage: &mut watch::Receiver<Stage>) {
        let said = async {
            line.say(last).await;
            line.hang_up(stage).await;
        };
        tokio::select! {
            biased;
            () = said => {}
            _ = self.0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    #[test]
    fn one_too_many_takes_the_place_of_the_oldest() {
        let ends = Ends::default();
        let mut all: Vec<End> = (0..MOST + 2).map(|_| ends.enter()).collect();
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
        let (ends, stage) = (Ends::default(), watch::Sender::new(Stage::Serving));
        let (end, mut stage) = (ends.enter(), stage.subscribe());
        let seen_off = tokio::spawn(async move {
            end.see_off(Line::new(tcp), &vec![b'x'; 16 << 20], &mut stage).await;
        });
        let _newer: Vec<End> = (0..MOST).map(|_| ends.enter()).collect();
        tokio::time::timeout(Duration::from_secs(8), seen_off).await.unwrap().unwrap();
    }
}
