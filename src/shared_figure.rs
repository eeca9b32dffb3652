//! The texts with which another page shows this one: a frame, the custom element of `public/prune-scope.js`, Markdown.

use url::{Url, form_urlencoded};

/// Height of a frame before the figure has told its own, in CSS pixels.
const HEIGHT: u32 = 480;

/// A text as the value of an attribute in HTML.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A frame.
///
/// * `address`: of the embedded page.
pub fn frame(address: &str) -> String {
    format!(
        r#"<iframe src="{}" title="Prunescope: a pruned language model" width="100%" height="{HEIGHT}" loading="lazy" style="border:0" allow="clipboard-write; cross-origin-isolated"></iframe>"#,
        attribute(address)
    )
}

/// The custom element, with the script that defines it.
///
/// * `address`: of the embedded page.
pub fn custom_element(address: &str) -> String {
    let Ok(url) = Url::parse(address) else { return String::new() };
    let Ok(script) = url.join("prune-scope.js") else { return String::new() };
    let pairs: Vec<_> = url.query_pairs().filter(|(key, _)| key != "embed").collect();
    // An element has each attribute once; what a link has more often goes into one.
    let is_repeated = |name: &str| pairs.iter().filter(|(key, _)| key == name).count() > 1;
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut attributes = String::new();
    for (key, value) in &pairs {
        if is_repeated(key) {
            query.append_pair(key, value);
        } else {
            attributes += &format!(r#" {}="{}""#, attribute(key), attribute(value));
        }
    }
    let query = query.finish();
    if !query.is_empty() {
        attributes += &format!(r#" query="{}""#, attribute(&query));
    }
    format!("<script async src=\"{}\"></script>\n<prune-scope{attributes}></prune-scope>", attribute(script.as_str()))
}

/// How to cite the page, and the paper that it follows, in BibTeX.
///
/// * `address`: of the whole page.
pub fn bibtex(address: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    // What BibTeX would take for its own is written as an address writes it.
    let address = address.replace('{', "%7B").replace('}', "%7D").replace('\\', "%5C");
    format!(
        "@software{{prunescope,\n  title = {{Prunescope: prune a language model by hand, and see where the signal is lost}},\n  \
         author = {{{{The Prunescope contributors}}}},\n  version = {{{version}}},\n  url = {{{address}}}\n}}\n\
         @inproceedings{{he2026demystifying,\n  title = {{Demystifying When Pruning Works via Representation Hierarchies}},\n  \
         author = {{He and Sun and Zhang and Fu and Li}},\n  booktitle = {{ICML}},\n  year = {{2026}},\n  eprint = {{2603.24652}},\n  \
         archiveprefix = {{arXiv}}\n}}\n"
    )
}

/// A link in Markdown, for places where neither is allowed.
///
/// * `address`: of the whole page.
pub fn markdown(address: &str) -> String {
    format!("[Prune this language model in your browser](<{address}>)")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "https://host.example/a/?embed=1&show=grid%2Ctexts&prompt=%22%3Cb%3E%22+%26c&drop=a7";

    #[test]
    fn what_a_prompt_holds_cannot_end_an_attribute() {
        let figure = custom_element(ADDRESS);
        assert_eq!(
            figure,
            "<script async src=\"https://host.example/a/prune-scope.js\"></script>\n<prune-scope show=\"grid,texts\" \
             prompt=\"&quot;&lt;b&gt;&quot; &amp;c\" drop=\"a7\"></prune-scope>"
        );
        assert!(frame(ADDRESS).contains("src=\"https://host.example/a/?embed=1&amp;show=grid%2Ctexts&amp;"));
    }

    #[test]
    fn what_a_link_has_more_than_once_goes_into_one_attribute() {
        let figure = custom_element("https://host.example/?view=compare&compare=A*a7&compare=B*m7");
        assert!(
            figure.ends_with("<prune-scope view=\"compare\" query=\"compare=A*a7&amp;compare=B*m7\"></prune-scope>"),
            "{figure}"
        );
    }

    #[test]
    fn bibtex_has_as_many_opening_as_closing_braces() {
        let text = bibtex("https://host.example/?prompt={{\\");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        assert!(
            text.starts_with("@software{prunescope,\n")
                && text.contains("url = {https://host.example/?prompt=%7B%7B%5C}")
        );
    }

    #[test]
    fn a_link_in_markdown_may_hold_parentheses() {
        assert_eq!(
            markdown("https://host.example/?prompt=(a)"),
            "[Prune this language model in your browser](<https://host.example/?prompt=(a)>)"
        );
    }
}
