use super::*;
use proptest::prelude::*;

/// The samples and errors of a page that arrives in chunks of `piece` bytes.
fn read(text: &[u8], metric: &str, piece: usize) -> (Vec<Result<Sample, Unreadable>>, bool) {
    let (mut page, mut found) = (PageParser::new(metric), Vec::new());
    for piece in text.chunks(piece) {
        page.read(piece, &mut |sample| found.push(sample));
    }
    let good = page.end(&mut |sample| found.push(sample)).is_ok();
    (found, good)
}

fn shown(text: &str, metric: &str) -> String {
    let (found, good) = read(text.as_bytes(), metric, 7);
    let lines = found.into_iter().map(|sample| match sample {
        Ok(Sample { labels, value }) => format!("{labels:?} {value}"),
        Err(why) => why.to_string(),
    });
    lines
        .chain([if good { "a page".to_owned() } else { "no page".to_owned() }])
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn parses_valid_lines() {
    let text = r#"
# HELP kong_bandwidth Total bandwidth in bytes consumed per service/route in Kong
# TYPE kong_bandwidth counter
kong_bandwidth{type="egress",service="a b",route="\"x\"\\\n\d"} 1277
  kong_bandwidth { type = "egress" , service="",} +Inf 1395066363000
kong_bandwidth{} NaN
kong_bandwidth 1.5e3 # {trace_id="x"} 1
kong_bandwidth{service="ü{}=,"}	-0
kong_bandwidth_total{type="egress"} 9
other{kong_bandwidth="1"} 2
"#;
    insta::assert_snapshot!(shown(text, "kong_bandwidth"), @r#"
    [("type", "egress"), ("service", "a b"), ("route", "\"x\"\\\n\\d")] 1277
    [("type", "egress"), ("service", "")] inf
    [] NaN
    [] 1500
    [("service", "ü{}=,")] -0
    a page
    "#);
}

#[test]
fn reports_malformed_lines_and_parses_the_rest() {
    let text = r#"m{a="1"} 1
m{a="1" 2
m{a=1} 3
m{a="1"}
m{a="1} 4
m{="1"} 5
m{a="1"} five
m{a="1";b="2"} 6
m{a="\
m{a="2"} 7
m{a="cut"} 12"#;
    insta::assert_snapshot!(shown(text, "m"), @r#"
    [("a", "1")] 1
    is malformed
    is malformed
    is malformed
    is malformed
    is malformed
    is malformed
    is malformed
    is malformed
    [("a", "2")] 7
    is truncated
    a page
    "#);
}

#[test]
fn rejects_other_content() {
    for text in [
        "",
        "\n\n",
        "<html>\n<body>\n502 Bad Gateway\n</body>\n</html>\n",
        "{\"message\":\"no Route matched with those values\"}",
        "Unauthorized",
        "OK\n",
        "\u{1f}\u{8b}\u{8}\u{0}\u{0}",
    ] {
        assert!(!read(text.as_bytes(), "m", 7).1, "{text}");
    }
    for text in ["# TYPE m counter\n", "a 1\n", "{\"a.b\", c=\"d\"} 1\n"] {
        assert!(read(text.as_bytes(), "m", 3).1, "{text}");
    }
}

#[test]
fn overlong_line_uses_bounded_memory_and_loses_no_other_line() {
    let mut page = PageParser::new("m");
    let mut found = Vec::new();
    page.read(b"m 1\nm{a=\"", &mut |sample| found.push(sample));
    for _ in 0..1000 {
        page.read(&[b'x'; 1000], &mut |sample| found.push(sample));
        assert!(page.buffer.capacity() <= 4 * MAX_LINE_BYTES);
    }
    page.read(b"\"} 2\nm 3\n", &mut |sample| found.push(sample));
    assert!(page.end(&mut |_| {}).is_ok());
    let values: Vec<_> =
        found.into_iter().map(|sample| sample.map(|sample| sample.value)).collect();
    assert_eq!(values, [Ok(1.0), Err(Unreadable::TooLong), Ok(3.0)]);
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

proptest! {
    #[test]
    fn anything_may_come_in_any_pieces(
        text in prop::collection::vec(any::<u8>(), 0..400),
        piece in 1usize..50,
    ) {
        let whole = read(&text, "m", 1000);
        prop_assert_eq!(format!("{:?}", read(&text, "m", piece)), format!("{whole:?}"));
    }

    #[test]
    fn what_looks_like_a_page_may_come_in_any_pieces(
        text in "(m|m1|#|\\{|\\}|\"|\\\\|=|,| |\n|1|NaN){0,120}",
        piece in 1usize..50,
    ) {
        let whole = read(text.as_bytes(), "m", 1000);
        prop_assert_eq!(format!("{:?}", read(text.as_bytes(), "m", piece)), format!("{whole:?}"));
    }

    #[test]
    fn what_is_written_is_read(
        labels in prop::collection::vec(
            ("[a-z_][a-z0-9_]{0,8}", "\\PC{0,12}|[\\\\\"\n]{0,4}"),
            0..5,
        ),
        value: f64,
        piece in 1usize..50,
    ) {
        let written: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let text = format!("a 1\nm{{{}}} {value}\nb 2\n", written.join(","));
        let (found, good) = read(text.as_bytes(), "m", piece);
        let [Ok(sample)] = &found[..] else { panic!("{found:?}") };
        prop_assert!(good);
        prop_assert_eq!(&sample.labels, &labels);
        prop_assert!(sample.value == value || value.is_nan() && sample.value.is_nan());
    }
}
