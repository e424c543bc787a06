// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every message with its picture, made from one good experiment by one replacement.

#[macro_use]
mod macros {
    /// One test per message: what is replaced by what, and the picture.
    macro_rules! messages {
        ($($name:ident: $from:expr => $to:expr, $picture:expr;)*) => {$(
            #[test]
            fn $name() {
                assert_eq!(crate::refused($from, $to), $picture.trim_start_matches('\n'));
            }
        )*};
    }
}
mod experiment;
mod interconnect;
mod interrupts;
mod machine;
mod text;

/// An experiment that uses every kind of statement once.
const SMALL: &str = include_str!("../small.ron");

/// An experiment with every kind of interrupt source, sending, hook and tick.
const INTERRUPTS: &str = include_str!("../interrupts.ron");

/// The picture of the error that [`INTERRUPTS`] gives after one replacement.
fn refused_interrupts(from: &str, to: &str) -> String {
    assert_eq!(INTERRUPTS.matches(from).count(), 1, "{from} must be there once");
    match configs::parse(&INTERRUPTS.replace(from, to), "test.ron") {
        Ok(_) => "accepted\n".to_owned(),
        Err(error) => {
            assert!(error.line().is_some() && error.column().is_some(), "{error}");
            error.render(false)
        }
    }
}

/// The picture of the error that [`SMALL`] gives after one replacement; `MACHINE` stands for the whole machine,
/// `INTERCONNECT` for its interconnect.
fn refused(from: &str, to: &str) -> String {
    let text = if from == "MACHINE" {
        let start = SMALL.find("Inline(").expect("the machine is inline");
        let end = SMALL.find("    lock: (").expect("the lock follows");
        format!("{}{to},\n{}", &SMALL[..start], &SMALL[end..])
    } else if from == "INTERCONNECT" {
        let start = SMALL.find("Ring(").expect("the machine has a ring");
        let end = SMALL.find(", messages:").expect("message sizes follow");
        format!("{}{to}{}", &SMALL[..start], &SMALL[end..])
    } else {
        assert_eq!(SMALL.matches(from).count(), 1, "{from} must be there once");
        SMALL.replace(from, to)
    };
    match configs::parse(&text, "test.ron") {
        Ok(_) => "accepted\n".to_owned(),
        Err(error) => {
            assert!(error.line().is_some() && error.column().is_some(), "{error}");
            error.render(false)
        }
    }
}
