//! The one table of colours, of charts and of the page: `styles/colours.css` is written from it (`style_sheet`).

/// Red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// A colour that is named by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    /// The name; in the style sheet the custom property `--name`.
    pub(crate) name: &'static str,
    /// On light ground.
    pub(crate) light: Rgb,
    /// On dark ground.
    pub(crate) dark: Rgb,
    /// What it is for.
    pub(crate) purpose: &'static str,
}

const fn row(name: &'static str, light: Rgb, dark: Rgb, purpose: &'static str) -> Colour {
    Colour { name, light, dark, purpose }
}

const GROUND: Colour = row("ground", [0xf3, 0xf5, 0xf9], [0x10, 0x13, 0x1b], "behind all panels");
pub(crate) const PANEL: Colour = row("panel", [0xff, 0xff, 0xff], [0x18, 0x1c, 0x26], "panels, fields and charts");
const TEXT: Colour = row("text", [0x1a, 0x22, 0x33], [0xe8, 0xec, 0xf5], "text");
const SOFT: Colour = row("soft", [0x47, 0x50, 0x64], [0xae, 0xb8, 0xca], "text of less weight");
const RULE: Colour = row("rule", [0xd9, 0xdf, 0xe9], [0x2f, 0x36, 0x46], "lines and borders");
const ACCENT: Colour =
    row("accent", [0x1d, 0x4e, 0xd8], [0x7a, 0xa2, 0xff], "links, what is chosen, what has the focus");
const ON_ACCENT: Colour = row("on-accent", [0xff, 0xff, 0xff], [0x10, 0x13, 0x1b], "text on the accent");
pub(crate) const HIDDEN: Colour = row("hidden", [0x25, 0x63, 0xeb], [0x7a, 0xa2, 0xff], "the hidden state h");
pub(crate) const LOGITS: Colour = row("logits", [0x0f, 0x76, 0x5e], [0x4f, 0xd1, 0xa5], "the logits z");
pub(crate) const PROBABILITIES: Colour =
    row("probabilities", [0xc2, 0x41, 0x0c], [0xff, 0x94, 0x57], "the probabilities p, and the pruned model");
pub(crate) const DENSE: Colour = row("dense", [0x47, 0x55, 0x69], [0xa0, 0xae, 0xc4], "the dense model");
const SWITCH: Colour = row("switch", [0xdf, 0xe7, 0xfb], [0x22, 0x2c, 0x45], "the switch of an unimportant layer");
const SWITCH_DARK: Colour =
    row("switch-dark", [0x9d, 0xb8, 0xf7], [0x3a, 0x57, 0x96], "the switch of an important layer");
pub(crate) const VIOLET: Colour = row("violet", [0x86, 0x3c, 0xa8], [0xcd, 0x96, 0xf0], "the fourth that is compared");
pub(crate) const GOLD: Colour =
    row("gold", [0x8c, 0x6e, 0x0a], [0xe2, 0xc4, 0x5a], "the repaired model, the fifth that is compared, and risks");
const BAD: Colour = row("bad", [0xb4, 0x23, 0x18], [0xff, 0x9b, 0x90], "failures");
const BAD_GROUND: Colour = row("bad-ground", [0xfe, 0xf3, 0xf2], [0x2b, 0x17, 0x15], "behind failures");

/// Text in charts, on a light ground a trace less blue than `soft`.
pub(crate) const CHART_TEXT: Colour = row("chart-text", [0x47, 0x50, 0x61], [0xae, 0xb8, 0xca], "text in charts");
/// Lines of a chart's grid, on a light ground paler than `rule`.
pub(crate) const CHART_RULE: Colour = row("chart-rule", [0xe2, 0xe6, 0xed], [0x2f, 0x36, 0x46], "grids and axes");

/// What the page's style sheet has, in its order.
pub(crate) const PAGE: [Colour; 17] = [
    GROUND,
    PANEL,
    TEXT,
    SOFT,
    RULE,
    ACCENT,
    ON_ACCENT,
    HIDDEN,
    LOGITS,
    PROBABILITIES,
    DENSE,
    SWITCH,
    SWITCH_DARK,
    VIOLET,
    GOLD,
    BAD,
    BAD_GROUND,
];
