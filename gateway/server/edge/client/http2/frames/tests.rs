use super::*;

fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
    frame_of(1, kind, flags, length)
}

fn frame_of(stream: u32, kind: u8, flags: u8, length: usize) -> Vec<u8> {
    let mut bytes = u32::try_from(length).unwrap_or(0).to_be_bytes().to_vec();
    bytes.remove(0);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.resize(HEAD + length, b'x');
    bytes
}

#[test]
fn frames_are_found_however_their_bytes_come() {
    let bytes = [
        vec![b'p'; PREFACE],
        frame(4, 0, 6),
        frame(1, END_HEADERS, 300),
        frame(0, 0, 0),
        frame(0, END_STREAM, 0),
        frame(0, 0, 20),
        frame(0xfa, 0, 1),
    ]
    .concat();
    let expected = [
        (Kind::Settings, false),
        (Kind::Headers, false),
        (Kind::Data, true),
        (Kind::Data, false),
        (Kind::Data, false),
        (Kind::Unknown, false),
    ];
    for step in [1, 2, 7, 9, 100, bytes.len()] {
        let mut reader = FrameReader::after(PREFACE);
        let mut found = Vec::new();
        for part in bytes.chunks(step) {
            reader.read(part, Duration::ZERO, |frame| found.push((frame.kind, frame.carries_nothing())));
        }
        assert_eq!(found, expected, "{step} bytes at once");
    }
}

#[test]
fn a_header_block_lasts_until_its_last_frame_is_there() {
    let mut reader = FrameReader::after(0);
    let mut read = |bytes: &[u8], second| {
        reader.read(bytes, Duration::from_secs(second), |_| {});
        reader.header_since().map(|since| since.as_secs())
    };
    assert_eq!(read(&frame(6, 0, 8), 1), None);
    let head = frame(1, END_HEADERS, 10);
    assert_eq!(read(&head[..HEAD + 9], 2), Some(2));
    assert_eq!(read(&head[HEAD + 9..], 3), None);
    assert_eq!(read(&frame(1, 0, 10), 4), Some(4));
    assert_eq!(read(&frame(9, 0, 10), 5), Some(4));
    assert_eq!(read(&frame(9, END_HEADERS, 10), 6), None);
    // Reads that end in the middle of one head after the other.
    assert_eq!(read(&head[..HEAD + 9], 7), Some(7));
    for second in 8..20 {
        assert_eq!(read(&[&head[HEAD + 9..], &head[..HEAD + 9]].concat(), second), Some(second));
    }
    assert_eq!(read(&[], 30), Some(19));
}

/// How many of these frames, sent without a pause and each time of a new stream, a budget bears.
fn bears(sent: &[(u8, u8, usize)]) -> u32 {
    let mut budget = FrameBudget::new(Duration::ZERO);
    let mut reader = FrameReader::after(0);
    for round in 0..100_000 {
        for (kind, flags, length) in sent {
            reader.read(&frame_of(2 * round + 1, *kind, *flags, *length), Duration::ZERO, |frame| {
                budget.came(frame)
            });
        }
        if budget.is_spent() {
            return round;
        }
    }
    u32::MAX
}

#[test]
fn frames_that_carry_nothing_are_bounded() {
    for (name, sent, most) in [
        ("ping", &[(6, 0, 8)][..], 500),
        ("settings", &[(4, 0, 0)], 100),
        ("priority", &[(2, 0, 5)], 6000),
        ("window update", &[(8, 0, 4)], 6000),
        ("empty data", &[(0, 0, 0)], 500),
        ("unknown", &[(0xee, 0, 0)], 1000),
        ("reset", &[(3, 0, 4)], 2000),
        ("a request and its reset", &[(1, 5, 10), (3, 0, 4)], 5998),
        ("continuation", &[(9, 0, 0)], 500),
        ("single bytes", &[(0, 0, 1)], 60_000),
    ] {
        assert_eq!(bears(sent), most, "{name}");
    }
    for (name, sent) in [
        ("data", &[(0, 0, TINY)][..]),
        ("requests", &[(1, 5, 10)]),
        ("requests with a body", &[(1, 4, 10), (0, 1, 0)]),
        ("requests with trailers", &[(1, 4, 10), (0, 0, 100), (1, 5, 10)]),
        ("requests that are given a priority", &[(1, 5, 10), (2, 0, 5), (2, 0, 5)]),
    ] {
        assert_eq!(bears(sent), u32::MAX, "{name}");
    }
}

#[test]
fn heads_that_open_no_stream_are_bounded() {
    let heads = |budget: &mut FrameBudget, streams: &mut dyn FnMut(u32) -> u32| {
        let mut reader = FrameReader::after(0);
        for round in 0..100_000 {
            reader.read(&frame_of(streams(round), 1, 5, 10), Duration::ZERO, |frame| budget.came(frame));
            if budget.is_spent() {
                return round;
            }
        }
        u32::MAX
    };
    // The first one opens it.
    assert_eq!(heads(&mut FrameBudget::new(Duration::ZERO), &mut |_| 1), 3001);
    // The reserved bit makes no other stream of it.
    assert_eq!(heads(&mut FrameBudget::new(Duration::ZERO), &mut |round| 1 | round << 31), 3001);
    // The client was told to open no more.
    let mut budget = FrameBudget::new(Duration::ZERO);
    FrameReader::after(0).read(&frame_of(0, 7, 0, 8), Duration::ZERO, |frame| budget.went(frame));
    assert_eq!(heads(&mut budget, &mut |round| 2 * round + 1), 3000);
}

#[test]
fn a_browser_that_leaves_a_page_of_posters_ten_times_is_borne() {
    let mut budget = FrameBudget::new(Duration::ZERO);
    let mut reader = FrameReader::after(0);
    for page in 0..10 {
        budget.refill(Duration::from_millis(page * 100));
        for sent in [(1, 5, 60), (2, 0, 5), (3, 0, 4)] {
            for stream in 0..200 {
                let stream = 2 * (page as u32 * 200 + stream) + 1;
                reader.read(&frame_of(stream, sent.0, sent.1, sent.2), Duration::ZERO, |frame| {
                    budget.came(frame)
                });
            }
        }
        assert!(!budget.is_spent(), "page {page}");
    }
}

#[test]
fn small_pieces_are_told_from_the_last_of_a_stream() {
    let is_small = |kind, length, ends| FrameHead { kind, stream: 1, length, ends }.is_small_piece();
    assert!(is_small(Kind::Data, 1, false) && is_small(Kind::Data, SMALL - 1, false));
    assert!(!is_small(Kind::Data, SMALL, false));
    assert!(!is_small(Kind::Data, 1, true) && !is_small(Kind::Headers, 1, false));
}

#[test]
fn a_budget_refills_with_time() {
    let mut budget = FrameBudget::new(Duration::ZERO);
    let ping = FrameHead { kind: Kind::Ping, stream: 0, length: 8, ends: false };
    let mut now = Duration::ZERO;
    // Twenty pings a second, for an hour.
    for _ in 0..3600 * 20 {
        now += Duration::from_millis(50);
        budget.refill(now);
        budget.came(ping);
    }
    assert!(!budget.is_spent());
    // A budget that is spent stays so.
    for _ in 0..1000 {
        budget.came(ping);
    }
    budget.refill(now + Duration::from_secs(3600));
    assert!(budget.is_spent());
}

#[test]
fn a_budget_refills_at_one_rate_however_often_it_is_asked() {
    for micros in [1, 333, 700, 3100, 70_000] {
        let mut budget = FrameBudget::new(Duration::ZERO);
        budget.left = 0;
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(2) {
            now += Duration::from_micros(micros);
            budget.refill(now);
        }
        let expected = u32::try_from(now.as_millis()).unwrap_or(0) * 3;
        assert!((expected - 3..=expected + 3).contains(&budget.left), "{micros}: {}", budget.left);
    }
    let mut budget = FrameBudget::new(Duration::ZERO);
    budget.left = 0;
    budget.refill(Duration::MAX);
    assert_eq!(budget.left, FULL);
}

#[test]
fn what_a_client_does_to_read_answers_costs_nothing() {
    let frame = |kind, length| FrameHead { kind, stream: 1, length, ends: false };
    // Data, and how often its window is opened: for each KiB as zealous clients do, or for half a window of 64 KiB.
    for (data, updates) in [(16_384, 32), (1000, 2), (32_768, 2)] {
        let mut budget = FrameBudget::new(Duration::ZERO);
        for _ in 0..100_000 {
            budget.went(frame(Kind::Data, data));
            for _ in 0..updates {
                budget.came(frame(Kind::WindowUpdate, 4));
            }
        }
        assert!(!budget.is_spent(), "{data} bytes");
    }
}

#[test]
fn answers_that_are_read_in_dribbles_are_bounded() {
    let frame = |kind, length| FrameHead { kind, stream: 1, length, ends: false };
    for (data, most) in [(1, 6012), (50, 6666), (250, 11_999)] {
        let mut budget = FrameBudget::new(Duration::ZERO);
        let mut rounds = 0;
        while !budget.is_spent() && rounds < 100_000 {
            budget.came(frame(Kind::WindowUpdate, 4));
            budget.went(frame(Kind::Data, data));
            rounds += 1;
        }
        assert!((most - 2..=most + 2).contains(&rounds), "{data} bytes: {rounds}");
    }
}

#[test]
fn resets_by_the_gateway_are_bounded() {
    let mut budget = FrameBudget::new(Duration::ZERO);
    for _ in 0..2001 {
        assert!(!budget.is_spent());
        budget.went(FrameHead { kind: Kind::Reset, stream: 1, length: 4, ends: false });
    }
    assert!(budget.is_spent());
}
