//! A session as one HTML file that needs nothing else: what the page showed, with all its charts, and the trace of it, so that the page
//! opens it again.

/// What every such file begins with, up to its trace.
const BEGIN: &str = "<!doctype html><meta charset=\"utf-8\"><script type=\"application/json\" id=\"prunescope-trace\">";
/// What its trace comes after, also in a copy that a browser has written anew.
const MARK: &str = "id=\"prunescope-trace\">";
/// What ends the trace. No trace contains it: it is written without "<".
const END: &str = "</script>";
/// The file runs and fetches nothing, whatever the texts in it say.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Nothing moves in it.
const STILL: &str = "*{animation:none!important;transition:none!important}";

/// The parts of a session's file.
#[derive(Clone, Debug)]
pub struct SessionFile<'a> {
    /// The language of its words, as a tag such as "de".
    pub language: &'a str,
    /// `rtl` or `ltr`.
    pub direction: &'a str,
    /// Its title, as plain text.
    pub title: &'a str,
    /// The trace, as JSON.
    pub trace: &'a str,
    /// The style sheet.
    pub style: &'a str,
    /// What is shown, as HTML.
    pub body: &'a str,
}

impl SessionFile<'_> {
    /// The file's text.
    pub fn html(&self) -> String {
        let Self { language, direction, title, trace, style, body } = self;
        // In JSON, "<" stands only within strings; in a style sheet it has no meaning.
        let trace = trace.replace('<', "\\u003c");
        let style = style.replace("</", "");
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        format!(
            "{BEGIN}{trace}{END}\n<html lang=\"{language}\" dir=\"{direction}\" data-theme=\"light\"><head>\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{style}{STILL}</style></head>\n<body>{body}</body></html>\n"
        )
    }
}

/// Whether a text begins like such a file, or a copy of it.
pub fn is_session(text: &str) -> bool {
    text.trim_start_matches(['\u{feff}', ' ', '\n']).starts_with('<') && text.contains(MARK)
}

/// The trace in a file's text: that of a session's file, which may be cut off, or the whole text of any other.
pub fn trace_in(text: &str) -> &str {
    if !is_session(text) {
        return text;
    }
    let trace = text.split_once(MARK).map_or(text, |(_, rest)| rest);
    trace.split_once(END).map_or(trace, |(trace, _)| trace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever a prompt or a model's text contains, the trace comes back, and nothing of it becomes HTML.
        #[test]
        fn a_trace_comes_back_and_stays_data(text in "[ -~<>/&\"\\\\a-z]{0,60}", style in "[ -~]{0,40}") {
            let trace = serde_json::to_string(&serde_json::json!({ "prunescope_trace": 1, "text": format!("</script><script>{text}") })).unwrap();
            let file = SessionFile { language: "en", direction: "ltr", title: &text, trace: &trace, style: &style, body: "<p>" };
            let html = file.html();
            let read: serde_json::Value = serde_json::from_str(trace_in(&html)).unwrap();
            prop_assert_eq!(read, serde_json::from_str::<serde_json::Value>(&trace).unwrap());
            prop_assert_eq!(html.matches("<script").count(), 1);
            prop_assert_eq!(html.matches("</style").count(), 1);
            prop_assert_eq!(html.matches("<title").count(), 1);
        }
    }

    #[test]
    fn other_texts_are_whole() {
        for text in ["", "{}", "<!doctype html>", MARK] {
            assert_eq!(trace_in(text), text);
        }
    }

    #[test]
    fn a_copy_and_a_part_of_a_file_have_its_trace() {
        let whole = format!("{BEGIN}{{\"a\":1}}{END}<html>");
        let copy = whole.replace("<meta charset=\"utf-8\">", "<html><head><meta charset=\"utf-8\">\n");
        for text in [format!("\u{feff}{whole}"), copy, whole] {
            assert_eq!(trace_in(&text), "{\"a\":1}", "{text}");
        }
        assert_eq!(trace_in(&format!("{BEGIN}{{\"a")), "{\"a");
    }
}
