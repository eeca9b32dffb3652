//! A session as one HTML file that needs nothing else: what the page showed, with all its charts, and the trace of it, so that the page
//! opens it again.

/// What every such file begins with, up to its trace.
pub const BEGIN: &str =
    "<!doctype html><meta charset=\"utf-8\"><script type=\"application/json\" id=\"prunescope-trace\">";
/// What ends the trace. No trace contains it: it is written without "<".
const END: &str = "</script>";
/// The file runs and fetches nothing, whatever the texts in it say.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

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
            "{BEGIN}{trace}{END}\n<html lang=\"{language}\" dir=\"{direction}\"><head>\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{style}</style></head>\n<body>{body}</body></html>\n"
        )
    }
}

/// The trace in a file's text: that of a session's file, or the whole text of any other.
pub fn trace_in(text: &str) -> &str {
    let trace = text.strip_prefix(BEGIN).and_then(|rest| rest.split_once(END));
    trace.map_or(text, |(trace, _)| trace)
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
        for text in ["", "{}", "<!doctype html>", BEGIN] {
            assert_eq!(trace_in(text), text);
        }
    }
}
