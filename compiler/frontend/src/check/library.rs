//! The standard library: `.seq` files in the binary.

/// A file of the standard library.
struct LibraryFile {
    /// `norm` of `use std.norm`.
    name: &'static str,
    /// Its text.
    text: &'static str,
}

macro_rules! library {
    ($($name:literal),* $(,)?) => {
        &[$(LibraryFile {
            name: $name,
            text: include_str!(concat!("../../../../stdlib/", $name, ".seq")),
        }),*]
    };
}

const FILES: &[LibraryFile] = library!["conv", "ffn", "linear", "loss", "norm", "pos", "ten"];

/// The text of `std.NAME`.
#[must_use]
pub fn library_text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|file| file.name == name).map(|file| file.text)
}

/// The names of all library files, as in `use std.NAME`.
pub fn library_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.name)
}

/// The library file that defines a name.
pub(crate) fn file_of(name: &str) -> Option<&'static str> {
    let defines = |line: &str| {
        ["cell ", "fn ", "const "].iter().any(|word| {
            let rest = line.strip_prefix(word).and_then(|rest| rest.strip_prefix(name));
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    FILES.iter().find(|file| file.text.lines().any(defines)).map(|file| file.name)
}
