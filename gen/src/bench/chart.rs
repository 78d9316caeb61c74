//! Frame of a chart as SVG: axes, points, legend.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

/// One axis.
pub struct Axis {
    pub label: &'static str,
    pub ends: (f64, f64),
    pub ticks: &'static [f64],
    pub logarithmic: bool,
}

impl Axis {
    /// Where a value is, 0 to 1; values outside are at an end.
    fn share(&self, value: f64) -> f64 {
        let (from, to) = self.ends;
        let share = if self.logarithmic {
            (value.max(from) / from).ln() / (to / from).ln()
        } else {
            (value - from) / (to - from)
        };
        share.clamp(0.0, 1.0)
    }
}

/// A chart that is being drawn.
pub struct Chart {
    x: Axis,
    y: Axis,
    body: String,
    legends: u32,
}

impl Chart {
    /// The frame, with grid, labels and title.
    pub fn new(title: &str, x: Axis, y: Axis) -> Chart {
        let mut chart = Chart {
            x,
            y,
            body: String::new(),
            legends: 0,
        };
        let (right, floor) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for &tick in chart.x.ticks {
            let at = chart.x(tick);
            chart.put(format_args!(
                r#"<line class="grid" x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{floor}"/>"#
            ));
            chart.put(format_args!(
                r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{tick}</text>"#,
                floor + 20.0
            ));
        }
        for &tick in chart.y.ticks {
            let at = chart.y(tick);
            chart.put(format_args!(
                r#"<line class="grid" x1="{LEFT}" y1="{at:.1}" x2="{right}" y2="{at:.1}"/>"#
            ));
            chart.put(format_args!(
                r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{tick}</text>"#,
                LEFT - 8.0,
                at + 4.0
            ));
        }
        let middle = (LEFT + right) / 2.0;
        chart.put(format_args!(
            r#"<text class="title" x="{middle}" y="28" text-anchor="middle">{title}</text>"#
        ));
        let (x, y) = (chart.x.label, chart.y.label);
        chart.put(format_args!(
            r#"<text x="{middle}" y="{:.1}" text-anchor="middle">{x}</text>"#,
            HEIGHT - 18.0
        ));
        chart.put(format_args!(
            r#"<text x="22" y="{0:.1}" text-anchor="middle" transform="rotate(-90 22 {0:.1})">{y}</text>"#,
            (TOP + floor) / 2.0
        ));
        chart
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String never fails.
        let _ = writeln!(self.body, "  {text}");
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * self.x.share(value)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self.y.share(value)
    }

    /// A point with what shows when a pointer is on it.
    pub fn point(&mut self, class: &str, (x, y): (f64, f64), radius: u32, title: &str) {
        let (x, y) = (self.x(x), self.y(y));
        self.put(format_args!(
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius}"><title>{title}</title></circle>"#
        ));
    }

    /// A name beside a point.
    pub fn name(&mut self, (x, y): (f64, f64), name: &str) {
        let (x, y) = (self.x(x), self.y(y));
        self.put(format_args!(
            r#"<text class="name" x="{:.1}" y="{:.1}">{name}</text>"#,
            x + 8.0,
            y + 4.0
        ));
    }

    /// The next line of the legend.
    pub fn legend(&mut self, class: &str, text: &str) {
        let at = TOP + 14.0 + 22.0 * f64::from(self.legends);
        self.legends += 1;
        let right = WIDTH - RIGHT;
        self.put(format_args!(
            r#"<circle class="{class}" cx="{:.1}" cy="{at:.1}" r="5"/>"#,
            right + 24.0
        ));
        self.put(format_args!(
            r#"<text x="{:.1}" y="{:.1}">{text}</text>"#,
            right + 36.0,
            at + 4.0
        ));
    }

    /// The picture; `style` is that of the points.
    pub fn svg(self, style: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n  \
             <style>.grid{{stroke:#ddd}}{style}.name{{fill:#555;font-size:10px}}\
             .title{{font-size:14px;font-weight:bold}}</style>\n  <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body
        )
    }
}
