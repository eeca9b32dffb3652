//! Colours of charts. The page's style sheet defines the same ones for everything else.

use plotters::style::RGBColor;

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white.
    Light,
    /// Light ink on a dark background.
    Dark,
}

/// The meaning of a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The hidden state h.
    Hidden,
    /// The logits z.
    Logits,
    /// The probabilities p.
    Probabilities,
    /// The dense model.
    Dense,
    /// The pruned model.
    Pruned,
    /// One of several compared variants, counted from 0.
    Variant(usize),
}

/// Red, green, blue.
type Rgb = (u8, u8, u8);

/// Colours of variants, each for light and for dark background; distinguishable without telling red from green.
const VARIANTS: [[Rgb; 2]; 5] = [
    [(194, 65, 12), (255, 148, 87)],
    [(37, 99, 235), (122, 162, 255)],
    [(15, 118, 94), (79, 209, 165)],
    [(134, 60, 168), (205, 150, 240)],
    [(140, 110, 10), (226, 196, 90)],
];

impl Ink {
    /// The colour in a theme.
    pub fn colour(self, theme: Theme) -> RGBColor {
        let (light, dark) = match self {
            Self::Hidden => ((37, 99, 235), (122, 162, 255)),
            Self::Logits => ((15, 118, 94), (79, 209, 165)),
            Self::Probabilities | Self::Pruned => ((194, 65, 12), (255, 148, 87)),
            Self::Dense => ((71, 85, 105), (160, 174, 196)),
            Self::Variant(number) => VARIANTS[number % VARIANTS.len()].into(),
        };
        let (r, g, b) = if theme == Theme::Light { light } else { dark };
        RGBColor(r, g, b)
    }

    /// The CSS class of the same colour.
    pub fn class(self) -> &'static str {
        match self {
            Self::Hidden => "ink-hidden",
            Self::Logits => "ink-logits",
            Self::Probabilities => "ink-probabilities",
            Self::Dense => "ink-dense",
            Self::Pruned => "ink-pruned",
            Self::Variant(number) => ["ink-0", "ink-1", "ink-2", "ink-3", "ink-4"][number % VARIANTS.len()],
        }
    }
}

impl Theme {
    /// Background colour.
    pub(super) fn ground(self) -> RGBColor {
        if self == Self::Light { RGBColor(255, 255, 255) } else { RGBColor(24, 28, 38) }
    }

    /// Colour of texts.
    pub(super) fn text(self) -> RGBColor {
        if self == Self::Light { RGBColor(71, 80, 97) } else { RGBColor(174, 184, 202) }
    }

    /// Colour of axes and grid lines.
    pub(super) fn rule(self) -> RGBColor {
        if self == Self::Light { RGBColor(226, 230, 237) } else { RGBColor(47, 54, 70) }
    }
}
