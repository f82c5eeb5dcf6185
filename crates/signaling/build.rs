//! Embeds the pages of `web/` into the library: one table of paths, contents and tags, made at compile
//! time, so that the binary needs no files beside it.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let web = manifest.join("../../web");
    println!("cargo::rerun-if-changed={}", web.display());
    let mut files = Vec::new();
    if web.is_dir() {
        collect(&web.canonicalize()?, "", &mut files)?;
    } else {
        println!("cargo::warning=there is no {}: the binary will serve no page", web.display());
    }
    files.sort();

    let mut table = String::from("&[\n");
    for (path, file) in &files {
        let mut hasher = DefaultHasher::new();
        fs::read(file)?.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        writeln!(
            table,
            "    Asset {{ path: {path:?}, tag: {tag:?}, content: include_bytes!({:?}) }},",
            file.display().to_string()
        )
        .expect("a string grows");
    }
    table.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("assets.rs"), table)
}

/// Adds the files below `folder` under their path as the browser asks for it. Dot files and Markdown
/// (notes to developers) are left out.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name.ends_with(".md") || name == "node_modules" {
            continue;
        }
        let path = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else {
            files.push((path, entry.path()));
        }
    }
    Ok(())
}
