// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hashes the workspace's sources into the version, so that records of different builds differ.

use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("..");
    let mut files = Vec::new();
    for part in ["sim-core", "cache-model", "interrupt-ctrl", "lock-impl", "configs", "reports", "sim"] {
        for folder in ["src", "programs", "machines", "presets"] {
            collect(&root.join(part).join(folder), &mut files);
        }
        println!("cargo::rerun-if-changed={}", root.join(part).display());
    }
    files.push(root.join("Cargo.lock"));
    files.sort();
    // FNV-1a, 64 bits: this only has to tell builds apart.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for file in files {
        for byte in std::fs::read(&file).unwrap_or_default() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    println!("cargo::rustc-env=RQSIM_SOURCE_HASH={hash:016x}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
