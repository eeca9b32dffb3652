//! The page's style sheet of colours, `styles/colours.css`, as the charts' table of colours says it.

use crate::chart::Ink;
use crate::colours::{Colour, PAGE, Rgb};

/// The text of `styles/colours.css`: a custom property for each colour of the page, and a class for each [`Ink`].
pub fn colours() -> String {
    let number = |[r, g, b]: Rgb| format!("#{r:02x}{g:02x}{b:02x}");
    let light =
        PAGE.map(|Colour { name, light, purpose, .. }| format!("  --{name}: {}; /* {purpose} */\n", number(light)));
    let both = PAGE.map(|Colour { name, light, dark, .. }| {
        format!("    --{name}: light-dark({}, {});\n", number(light), number(dark))
    });
    let ink = |ink: Ink| format!("\n.{} {{\n  --ink: var(--{});\n}}\n", ink.class(), ink.name());
    let inks: Vec<String> = Ink::every().into_iter().map(ink).collect();
    format!(
        "/* The colours of page and charts, written from the table in crates/figures/src/colours.rs: change them there. */\n\n\
         :root {{\n{}}}\n\n/* Older browsers have light colours only. */\n@supports (color: light-dark(red, red)) {{\n  :root {{\n{}  }}\n}}\n{}",
        light.concat(),
        both.concat(),
        inks.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_pages_colours_are_those_of_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../styles/colours.css");
        if std::env::var_os("PRUNESCOPE_WRITE_COLOURS").is_some() {
            std::fs::write(&path, colours()).unwrap();
        }
        assert!(
            std::fs::read_to_string(&path).unwrap_or_default() == colours(),
            "styles/colours.css is not what crates/figures/src/colours.rs says: write it anew with \
             PRUNESCOPE_WRITE_COLOURS=1 cargo test -p prunescope-figures colours"
        );
    }
}
