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
pub(crate) const HIDDEN: Colour = row("hidden", [0x2f, 0x3a, 0x9e], [0xa5, 0xb7, 0xff], "the hidden state h");
pub(crate) const LOGITS: Colour = row("logits", [0x14, 0x79, 0x6d], [0x2c, 0xa6, 0x94], "the logits z");
pub(crate) const PROBABILITIES: Colour =
    row("probabilities", [0xcd, 0x31, 0x13], [0xfd, 0x6a, 0x2b], "the probabilities p, and the pruned model");
pub(crate) const DENSE: Colour = row("dense", [0x1a, 0x22, 0x39], [0xe6, 0xe8, 0xec], "the dense model");
const SWITCH: Colour = row("switch", [0xdf, 0xe7, 0xfb], [0x22, 0x2c, 0x45], "the switch of an unimportant layer");
const SWITCH_DARK: Colour =
    row("switch-dark", [0x9d, 0xb8, 0xf7], [0x3a, 0x57, 0x96], "the switch of an important layer");
pub(crate) const VIOLET: Colour = row("violet", [0x97, 0x48, 0xcc], [0xac, 0x61, 0xf9], "the fourth that is compared");
pub(crate) const GOLD: Colour =
    row("gold", [0x54, 0x3b, 0x00], [0xfd, 0xc2, 0x33], "the repaired model, the fifth that is compared, and risks");
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that stand beside each other in a figure.
    const TOLD_APART: [Colour; 6] = [HIDDEN, LOGITS, PROBABILITIES, DENSE, VIOLET, GOLD];
    /// What people see who see all colours, or lack the cones for long, medium or short waves: matrices on linear red, green and blue
    /// (Machado, Oliveira and Fernandes, 2009, severity 1).
    const VISIONS: [(&str, [[f32; 3]; 3]); 4] = [
        ("all colours", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "protanopia",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deuteranopia",
            [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_82, 0.042_94, 0.968_881]],
        ),
        (
            "tritanopia",
            [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_9]],
        ),
    ];

    fn linear(colour: Rgb) -> [f32; 3] {
        colour.map(|value| {
            let value = f32::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(matrix: &[[f32; 3]; 3], vector: [f32; 3]) -> [f32; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    /// In OKLab (Ottosson, 2020), where distances are about as large as they look.
    fn perceived(rgb: [f32; 3]) -> [f32; 3] {
        let cones = times(
            &[
                [0.412_221_47, 0.536_332_54, 0.051_445_995],
                [0.211_903_5, 0.680_699_5, 0.107_396_96],
                [0.088_302_46, 0.281_718_84, 0.629_978_7],
            ],
            rgb,
        );
        times(
            &[
                [0.210_454_26, 0.793_617_8, -0.004_072_047],
                [1.977_998_5, -2.428_592_2, 0.450_593_7],
                [0.025_904_037, 0.782_771_77, -0.808_675_77],
            ],
            cones.map(f32::cbrt),
        )
    }

    /// The contrast of WCAG 2.
    fn contrast(a: Rgb, b: Rgb) -> f32 {
        let light = |colour| linear(colour).iter().zip([0.212_6, 0.715_2, 0.072_2]).map(|(a, b)| a * b).sum::<f32>();
        let (a, b) = (light(a), light(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn whoever_looks_can_tell_the_colours_of_figures_apart() {
        for (who, sees) in VISIONS {
            for of in [|colour: &Colour| colour.light, |colour: &Colour| colour.dark] {
                for (at, a) in TOLD_APART.iter().enumerate() {
                    for b in &TOLD_APART[at + 1..] {
                        let [x, y] = [a, b].map(|colour| {
                            perceived(times(&sees, linear(of(colour))).map(|value| value.clamp(0.0, 1.0)))
                        });
                        let distance = x.iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
                        assert!(distance > 0.095, "{who}: {} and {} are {distance:.3} apart", a.name, b.name);
                    }
                }
            }
        }
    }

    #[test]
    fn words_in_these_colours_can_be_read() {
        for colour in TOLD_APART {
            for ground in [GROUND, PANEL] {
                let [light, dark] = [contrast(colour.light, ground.light), contrast(colour.dark, ground.dark)];
                assert!(light >= 4.5 && dark >= 4.5, "{} on {}: {light:.2}, {dark:.2}", colour.name, ground.name);
            }
        }
    }
}
