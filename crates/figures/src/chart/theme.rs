//! Which colour of the table each part of a chart has, on a light and on a dark background.

use plotters::style::RGBColor;

use crate::colours::{CHART_RULE, CHART_TEXT, Colour, DENSE, GOLD, HIDDEN, LOGITS, PANEL, PROBABILITIES, VIOLET};

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
    /// The repaired model.
    Repaired,
    /// One of several compared variants, counted from 0.
    Variant(usize),
}

/// Colours of variants; distinguishable without telling red from green.
const VARIANTS: [Colour; 5] = [PROBABILITIES, HIDDEN, LOGITS, VIOLET, GOLD];

impl Ink {
    /// Every ink, with as many variants as have a colour of their own.
    pub(crate) fn every() -> Vec<Self> {
        let named = [Self::Hidden, Self::Logits, Self::Probabilities, Self::Dense, Self::Pruned, Self::Repaired];
        named.into_iter().chain((0..VARIANTS.len()).map(Self::Variant)).collect()
    }

    /// Its row in the table of colours.
    fn row(self) -> Colour {
        match self {
            Self::Hidden => HIDDEN,
            Self::Logits => LOGITS,
            Self::Probabilities | Self::Pruned => PROBABILITIES,
            Self::Dense => DENSE,
            Self::Repaired => GOLD,
            Self::Variant(number) => VARIANTS[number % VARIANTS.len()],
        }
    }

    /// The colour in a theme.
    pub fn colour(self, theme: Theme) -> RGBColor {
        theme.shade(self.row())
    }

    /// The name of the colour.
    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    /// The CSS class of the same colour.
    pub fn class(self) -> &'static str {
        match self {
            Self::Hidden => "ink-hidden",
            Self::Logits => "ink-logits",
            Self::Probabilities => "ink-probabilities",
            Self::Dense => "ink-dense",
            Self::Pruned => "ink-pruned",
            Self::Repaired => "ink-repaired",
            Self::Variant(number) => ["ink-0", "ink-1", "ink-2", "ink-3", "ink-4"][number % VARIANTS.len()],
        }
    }
}

impl Theme {
    /// A colour of the table in this theme.
    fn shade(self, colour: Colour) -> RGBColor {
        let [red, green, blue] = if self == Self::Light { colour.light } else { colour.dark };
        RGBColor(red, green, blue)
    }

    /// Background colour.
    pub(super) fn ground(self) -> RGBColor {
        self.shade(PANEL)
    }

    /// Colour of texts.
    pub(super) fn text(self) -> RGBColor {
        self.shade(CHART_TEXT)
    }

    /// Colour of axes and grid lines.
    pub(super) fn rule(self) -> RGBColor {
        self.shade(CHART_RULE)
    }
}
