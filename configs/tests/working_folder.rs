// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file in the working folder wins over the preset of its name. Alone in its program, because the working
//! folder belongs to the whole process.

use configs::presets::Origin;
use configs::{hardware, load};

#[test]
fn a_file_in_the_working_folder_wins_over_the_preset() {
    let folder = std::env::temp_dir().join(format!("configs-working-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    std::env::set_current_dir(&folder).expect("it can be entered");
    let before = load("ring8.ron").map(|l| l.origin);
    std::fs::write("ring8.ron", include_str!("small.ron")).expect("it can be written to");
    let after = ["ring8.ron", "ring8"].map(|name| load(name).map(|l| l.experiment.title));
    // A folder does not.
    std::fs::create_dir("zen3-ccx-8").expect("it can be made");
    let machine = hardware("zen3-ccx-8").map(|h| h.machine.name);
    let left = std::env::set_current_dir(std::env::temp_dir());
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    assert!(left.is_ok());
    assert_eq!(machine, Ok("zen3-ccx-8".to_owned()));
    assert_eq!(before, Ok(Origin::Embedded));
    assert_eq!(after, [Ok("small".to_owned()), Ok("small".to_owned())]);
}
