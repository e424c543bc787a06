// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding and reading files, and positions for checks that are made elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use configs::presets::{FILE_BYTES_MAX, Origin};
use configs::{load, parse};

/// An experiment that uses every kind of statement once.
const SMALL: &str = include_str!("small.ron");

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("configs-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder can be made");
        Folder(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a temporary file can be written");
        path.to_str().expect("temporary paths are UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The message for a file, with the folder's name taken out of it.
fn message(folder: &Folder, path: &str) -> String {
    let error = load(path).expect_err(path);
    error.render(false).replace(&format!("{}/", folder.0.display()), "DIR/")
}

#[test]
fn a_file_is_found_by_its_path_also_without_its_ending() {
    let folder = Folder::new("found");
    let path = folder.file("mine.ron", SMALL.as_bytes());
    let loaded = load(&path).expect("loads");
    assert_eq!((&loaded.file, &loaded.origin), (&path, &Origin::File(PathBuf::from(&path))));
    assert_eq!(load(path.trim_end_matches(".ron")).expect("loads").experiment, loaded.experiment);
    assert_eq!(loaded.program_path(), Some(folder.0.join("mine.uop")));
    let absolute = SMALL.replace("mine.uop", "/x/y.uop");
    let loaded = load(&folder.file("absolute.ron", absolute.as_bytes())).expect("loads");
    assert_eq!(loaded.program_path().as_deref(), Some(Path::new("/x/y.uop")));
    assert_eq!(load("ring8").expect("loads").program_path(), None, "a built-in program has no path");
}

#[test]
fn an_unknown_preset_lists_near_names() {
    let all: Vec<&str> = configs::presets::experiment_names().collect();
    assert_eq!(
        load("rign8.ron").expect_err("unknown").render(false),
        format!(
            "error: rign8.ron: no such file, and no preset of that name\n  \
             help: did you mean `ring8.ron`? presets: {}, .. ({} in all); `sim presets` says what each asks\n",
            all[..8].join(", "),
            all.len()
        )
    );
    assert_eq!(
        load("some/ring8.ron").expect_err("unknown").to_string(),
        "error: some/ring8.ron: no such file, and no preset of that name"
    );
}

#[test]
fn unreadable_files_say_why() {
    let folder = Folder::new("unreadable");
    let small = folder.file("small.ron", SMALL.as_bytes());
    assert_eq!(
        message(&folder, &format!("{small}/x.ron")),
        "error: DIR/small.ron/x.ron: cannot be read: Not a directory (os error 20)\n"
    );
    let inner = folder.0.join("inner.ron");
    fs::create_dir(&inner).expect("a folder can be made");
    assert_eq!(
        message(&folder, inner.to_str().expect("UTF-8")),
        "error: DIR/inner.ron: is a folder, not an experiment file\n  help: name a .ron file in it\n"
    );
    let large = folder.file("large.ron", &vec![b' '; FILE_BYTES_MAX as usize + 1]);
    assert_eq!(
        message(&folder, &large),
        "error: DIR/large.ron: is larger than 1048576 bytes (1 MiB)\n  \
         help: an experiment has a few KiB; is this the right file?\n"
    );
}

#[test]
fn a_file_that_is_not_utf8_is_pointed_into() {
    let folder = Folder::new("utf8");
    let path = folder.file("latin1.ron", b"(\n    title: \"caf\xe9\",\n)\n");
    let picture = message(&folder, &path);
    assert_eq!(
        picture,
        r#"Error: byte 0xe9 at offset 17 is not UTF-8
   ╭─[ DIR/latin1.ron:2:16 ]
   │
 2 │     title: "caf�",
   │                ┬
   │                ╰── not UTF-8
   │
   │ Help: save the file as UTF-8
───╯
"#
    );
}

#[test]
fn an_empty_file_says_so_and_where_to_begin() {
    let folder = Folder::new("empty");
    for text in ["", " \n", "// a comment\n/* another */\n"] {
        let error = parse(text, "empty.ron").expect_err("empty");
        assert!(error.to_string().starts_with("error: empty.ron:"), "{error}");
        assert_eq!(error.message(), "there is nothing in the file");
        assert_eq!(error.help(), Some("begin with a copy of a preset: `sim presets ring8.ron > mine.ron`"));
    }
    let path = folder.file("nothing.ron", b"");
    assert!(load(&path).is_err());
}

#[test]
fn checks_made_elsewhere_point_at_the_field_or_near_it() {
    let loaded = parse(SMALL, "small.ron").expect("loads");
    let help = Some("did you mean `enclose`?".to_owned());
    let error = loaded.error_at("stages[1].patches[0]", "no patch `enclsoe`", help.clone());
    assert_eq!((error.line(), error.column()), (Some(29), Some(66)));
    assert_eq!((error.field(), error.value()), ("stages[1].patches[0]", "\"enclose\""));
    assert_eq!(
        (error.message(), error.rule(), error.help()),
        ("no patch `enclsoe`", "no patch `enclsoe`", help.as_deref())
    );
    assert_eq!(error.file(), "small.ron");
    assert_eq!(error.to_string(), "error: small.ron:29:66: no patch `enclsoe`");
    let param = loaded.error_at("lock.params.pauses", "not a parameter", None);
    assert_eq!(param.value(), "512");
    // A field that took its default is not in the text; the value around it is.
    let absent = loaded.error_at("interrupts[2].source.jitter", "no", None);
    assert_eq!((absent.line(), absent.value()), (Some(44), "source"));
    let nowhere = loaded.error_at("", "no", None);
    assert_eq!((nowhere.line(), nowhere.value()), (Some(1), "("));
}

#[test]
fn colour_changes_only_the_colours() {
    let error = parse(&SMALL.replace("cores: 4", "cores: 0"), "t").expect_err("no cores");
    let colored = error.render(true);
    let mut plain = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').expect("a colour ends with m").1;
    }
    plain.push_str(rest);
    assert_ne!(colored, error.render(false));
    let trimmed: Vec<&str> = plain.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, error.render(false).lines().collect::<Vec<_>>());
}
