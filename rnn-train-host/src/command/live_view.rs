//! A stream through a device, as it runs: truth against prediction, score, alarms, faults, the line.

use std::collections::VecDeque;
use std::io::{Stdout, Write, stdout};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Sparkline};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use rnn_core::watch::guard::Sight;
use rnn_train_host::adapt::sentence;
use rnn_train_host::device::stream::Seen;
use rnn_train_host::report::figure;

/// Samples in the picture.
const WIDTH: usize = 200;
/// Lines of the terminal.
const HEIGHT: u16 = 22;
/// Pictures are at least so far apart.
const EVERY: Duration = Duration::from_millis(50);
/// Alarms, and what became of the networks, that are listed.
const LISTED: usize = 3;

/// What is shown.
pub(crate) struct View {
    target: usize,
    name: String,
    total: usize,
    threshold: f32,
    step: usize,
    truth: VecDeque<(f64, f64)>,
    predicted: VecDeque<(f64, f64)>,
    scores: VecDeque<u64>,
    /// The prediction of the sample to come.
    next: f64,
    alarms: usize,
    last_words: VecDeque<String>,
    faulty: usize,
    sight: Sight,
    /// Whether it predicts with what it has learnt.
    adapted: bool,
    damaged: u32,
    /// Mean time of a step, there and back, in seconds.
    took: f64,
}

impl View {
    /// Of `total` samples, in which channel `target` is shown.
    pub(crate) fn new(target: usize, name: &str, total: usize, threshold: f32) -> Self {
        View {
            target,
            name: name.to_owned(),
            total,
            threshold,
            step: 0,
            truth: VecDeque::new(),
            predicted: VecDeque::new(),
            scores: VecDeque::new(),
            next: f64::NAN,
            alarms: 0,
            last_words: VecDeque::new(),
            faulty: 0,
            sight: Sight::Recovering,
            adapted: false,
            damaged: 0,
            took: 0.0,
        }
    }

    /// Takes what became of a sample.
    pub(crate) fn take(&mut self, seen: &Seen<'_>) {
        let Seen { sent, told, took, damaged } = seen;
        let value = sent.values.as_ref().map_or(f32::NAN, |values| values[self.target]);
        let at = self.step as f64;
        keep(&mut self.truth, (at, f64::from(value)), WIDTH);
        keep(&mut self.predicted, (at, self.next), WIDTH);
        // A bar has eight heights; the threshold is in the middle.
        let height = 4.0 * told.verdict.score / self.threshold;
        keep(&mut self.scores, height.clamp(0.0, 8.0).round() as u64, WIDTH);
        if told.verdict.alarm {
            self.alarms += 1;
            let score = figure(f64::from(told.verdict.score));
            let text = format!("alarm at step {}: {value}, score {score}", self.step);
            keep(&mut self.last_words, text, LISTED);
        }
        if let Some(event) = told.event {
            let text = format!("step {}: {}", self.step, sentence(event));
            keep(&mut self.last_words, text, LISTED);
        }
        self.adapted = told.adapted;
        self.faulty += usize::from(told.faults.iter().any(|fault| *fault != 0));
        self.sight = told.verdict.sight;
        self.next = f64::from(told.prediction[self.target]);
        self.damaged = *damaged;
        self.step += 1;
        self.took += (took.as_secs_f64() - self.took) / self.step as f64;
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let rows =
            [Constraint::Min(6), Constraint::Length(3), Constraint::Length(2 + LISTED as u16)];
        let [top, middle, bottom] = Layout::vertical(rows).areas(frame.area());
        let finite = |points: &VecDeque<(f64, f64)>| -> Vec<(f64, f64)> {
            points.iter().copied().filter(|(_, value)| value.is_finite()).collect()
        };
        let (truth, predicted) = (finite(&self.truth), finite(&self.predicted));
        let values = || truth.iter().chain(&predicted).map(|(_, value)| *value);
        let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
        let (low, high) = if low < high { (low, high) } else { (low - 1.0, low + 1.0) };
        let last = self.step.saturating_sub(1) as f64;
        let bounds = [(last - WIDTH as f64).max(0.0), last.max(1.0)];
        let line = |name, points, color| {
            Dataset::default()
                .name(name)
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(Style::new().fg(color))
                .data(points)
        };
        let datasets =
            vec![line("measured", &truth, Color::Gray), line("predicted", &predicted, Color::Cyan)];
        let labels = |bounds: [f64; 2]| bounds.map(figure);
        // However small the picture is.
        let legend = (Constraint::Percentage(100), Constraint::Percentage(100));
        let chart = Chart::new(datasets)
            .hidden_legend_constraints(legend)
            .x_axis(Axis::default().bounds(bounds).labels(labels(bounds)))
            .y_axis(
                Axis::default()
                    .title(self.name.as_str())
                    .bounds([low, high])
                    .labels(labels([low, high])),
            );
        frame.render_widget(chart, top);
        let scores: Vec<u64> = self.scores.iter().copied().collect();
        let shown = usize::from(middle.width).min(scores.len());
        let bars = Sparkline::default()
            .data(&scores[scores.len() - shown..])
            .max(8)
            .style(Style::new().fg(Color::Yellow));
        frame.render_widget(bars, middle);
        let sight = match self.sight {
            Sight::Clear => "clear",
            Sight::Recovering => "recovering",
            Sight::Blind => "blind",
        };
        let adapted = if self.adapted { ", adapted" } else { "" };
        let mut lines = vec![
            Line::from("score, the threshold at half of the height"),
            Line::from(format!(
                "step {} of {}   {sight}{adapted}   alarms {}   samples at fault {}   {:.2} ms a step   damaged frames {}",
                self.step,
                self.total,
                self.alarms,
                self.faulty,
                self.took * 1e3,
                self.damaged
            )),
        ];
        lines.extend(self.last_words.iter().map(|alarm| Line::from(alarm.as_str())));
        frame.render_widget(Paragraph::new(lines), bottom);
    }
}

/// Puts `value` behind the others and lets the oldest go.
fn keep<T>(values: &mut VecDeque<T>, value: T, most: usize) {
    if values.len() == most {
        values.pop_front();
    }
    values.push_back(value);
}

/// A view on the terminal.
pub(crate) struct Live {
    view: View,
    terminal: Terminal<CrosstermBackend<Stdout>>,
    drawn: Option<Instant>,
}

impl Live {
    /// Takes some lines of the terminal.
    pub(crate) fn start(view: View) -> Result<Self> {
        let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT) };
        let terminal = Terminal::with_options(CrosstermBackend::new(stdout()), options)
            .context("this terminal doesn't say where its cursor is")?;
        Ok(Live { view, terminal, drawn: None })
    }

    /// Takes what became of a sample, and shows it now and then.
    pub(crate) fn take(&mut self, seen: &Seen<'_>) -> Result<()> {
        self.view.take(seen);
        let last = self.view.step == self.view.total;
        if last || self.drawn.is_none_or(|drawn| drawn.elapsed() >= EVERY) {
            self.terminal.draw(|frame| self.view.draw(frame))?;
            // Whoever interrupts wants it back.
            self.terminal.show_cursor()?;
            self.drawn = Some(Instant::now());
        }
        Ok(())
    }
}

impl Drop for Live {
    /// What is printed next comes below.
    fn drop(&mut self) {
        let below = self.terminal.get_frame().area().bottom();
        // Nothing is lost where the terminal is gone.
        let _ = self.terminal.set_cursor_position((0, below.saturating_sub(1)));
        let _ = writeln!(stdout());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::backend::TestBackend;
    use rnn_core::adapt::Event;
    use rnn_core::watch::Verdict;
    use rnn_train_host::device::stream::{Sent, Told};

    #[test]
    fn what_happens_is_on_the_screen() {
        let mut view = View::new(0, "temperature", 300, 4.0);
        for step in 0..300 {
            let value = (step as f32 / 10.0).sin();
            let alarm = step == 290;
            let verdict = Verdict { score: if alarm { 5.0 } else { 0.5 }, alarm, ..Verdict::FITS };
            let event = (step == 295).then_some(Event::TakenOver);
            let (adapted, faults) = (step >= 295, vec![u8::from(step == 5)]);
            let told = Told { verdict, event, adapted, faults, prediction: vec![value] };
            let values = (step != 100).then(|| vec![value]);
            let sent = Sent { values, elapsed: 1.0 };
            view.take(&Seen {
                sent: &sent,
                told: &told,
                took: Duration::from_millis(2),
                damaged: 1,
            });
        }
        let mut terminal = Terminal::new(TestBackend::new(100, HEIGHT)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        let screen = terminal.backend().to_string();
        for text in [
            "temperature",
            "step 300 of 300",
            "alarms 1",
            "samples at fault 1",
            "2.00 ms a step",
            "damaged frames 1",
            "alarm at step 290",
            "step 295: what was learnt is taken over",
            "clear, adapted",
            "measured",
            "predicted",
        ] {
            assert!(screen.contains(text), "{text}:\n{screen}");
        }
        // Two curves: some lines have dots of Braille.
        assert!(screen.chars().filter(|c| ('\u{2800}'..='\u{28ff}').contains(c)).count() > 50);
    }

    #[test]
    fn nothing_yet_is_no_panic() {
        let view = View::new(0, "x", 0, f32::MAX);
        let mut terminal = Terminal::new(TestBackend::new(20, 5)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
    }
}
