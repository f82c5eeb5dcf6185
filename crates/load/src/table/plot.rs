//! A bar for each row: how it compares with plain `sendto`.

use super::{Row, shape_name};
use crate::traffic::Shape;
use std::fmt::Write as _;

const BAR: usize = 16;
const STEP: usize = 24;
const LEFT: usize = 250;
const TOP: usize = 40;
/// Pixels for a ratio of one.
const UNIT: f64 = 220.0;
const RATIO_MAX: f64 = 2.5;

/// The plot as SVG.
pub(super) fn draw(rows: &[Row]) -> String {
    let bars: Vec<(String, f64, &str)> = rows
        .iter()
        .map(|row| (format!("{}, {}", row.name, shape_name(row.shape)), row.ratio(), color(row.shape)))
        .collect();
    bars_as_svg(&bars)
}

const fn color(shape: Shape) -> &'static str {
    match shape {
        Shape::Bursts => "#2f6fad",
        Shape::Chromium => "#3d9970",
        Shape::Singles | Shape::None => "#c98b2b",
    }
}

fn bars_as_svg(bars: &[(String, f64, &str)]) -> String {
    let height = TOP + bars.len() * STEP + 30;
    let width = LEFT + (UNIT * RATIO_MAX) as usize + 60;
    let one = LEFT as f64 + UNIT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"20\" font-size=\"14\">Packets per second of one core, as a ratio to plain sendto</text>\n"
    );
    for (place, (name, ratio, color)) in bars.iter().enumerate() {
        let y = TOP + place * STEP;
        let length = ratio.clamp(0.0, RATIO_MAX) * UNIT;
        let text_y = y + 12;
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{text_y}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{text_y}\">{ratio:.2}</text>",
            LEFT - 8,
            name.replace("->", "→"),
            LEFT as f64 + length + 5.0,
        );
    }
    let bottom = height - 26;
    let _ = writeln!(
        svg,
        "<line x1=\"{one}\" y1=\"{TOP}\" x2=\"{one}\" y2=\"{bottom}\" stroke=\"#333\" stroke-dasharray=\"4 3\"/>\
         <text x=\"{one}\" y=\"{}\" text-anchor=\"middle\">sendto = 1</text>\n</svg>",
        height - 10
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_bar_as_long_as_its_ratio_and_none_leaves_the_picture() {
        let svg = bars_as_svg(&[("1 -> 1".to_owned(), 0.5, "#000"), ("x".to_owned(), 99.0, "#000")]);
        assert!(svg.contains("width=\"110.0\"") && svg.contains("1 → 1") && svg.contains(">0.50<"), "{svg}");
        assert!(svg.contains("width=\"550.0\"") && svg.contains(">99.00<"), "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }
}
