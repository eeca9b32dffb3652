//! Prompts with an exact answer, which is searched in the text that a model writes.

use serde::{Deserialize, Serialize};

use super::{LineError, read_lines};

/// The built-in set, written for this project.
pub const BUILT_IN: &str = include_str!("../../../../public/sets/generative.jsonl");
/// Most tokens that a model may write for a task.
pub const MAX_NEW_TOKENS: usize = 24;

/// A prompt with its exact answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerativeTask {
    /// The prompt.
    pub prompt: String,
    /// Accepted answers; the text must contain one of them as whole words.
    pub answers: Vec<String>,
    /// Its topic; may be empty.
    pub topic: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "question", alias = "input")]
    prompt: String,
    #[serde(alias = "answer", alias = "target")]
    answers: Answers,
    #[serde(default, alias = "category")]
    topic: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answers {
    One(String),
    Number(serde_json::Number),
    Several(Vec<String>),
}

/// Parses a set of JSON lines; returns the lines that cannot be used as errors.
pub fn parse(text: &str) -> (Vec<GenerativeTask>, Vec<LineError>) {
    let (tasks, errors) = read_lines(text, |line: Line| {
        let answers = match line.answers {
            // GSM8K's answers end with `####` and the number.
            Answers::One(text) => vec![text.rsplit("####").next().unwrap_or_default().trim().to_string()],
            Answers::Number(number) => vec![number.to_string()],
            Answers::Several(texts) => texts,
        };
        if line.prompt.trim().is_empty() || answers.iter().any(|answer| words(answer).is_empty()) || answers.is_empty()
        {
            return Err("its prompt or answer is empty".into());
        }
        Ok(GenerativeTask { prompt: line.prompt, answers, topic: line.topic })
    });
    (tasks.into_iter().map(|(_, task)| task).collect(), errors)
}

/// The built-in set.
pub fn built_in() -> Vec<GenerativeTask> {
    parse(BUILT_IN).0
}

/// A text's words and numbers in lower case, without punctuation: `1,080.50` is one number, 1080.5; `1, 2` are two.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.to_lowercase().chars().collect();
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let (mut words, mut word) = (vec![], String::new());
    for (at, c) in chars.iter().enumerate() {
        let in_number = at > 0 && digit(at - 1) && digit(at + 1);
        if *c == ',' && in_number && (1..=3).all(|next| digit(at + next)) && !digit(at + 4) {
            continue;
        }
        if c.is_alphanumeric() || (*c == '.' && in_number) {
            word.push(*c);
        } else {
            words.push(std::mem::take(&mut word));
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    for number in words.iter_mut().filter(|word| word.contains('.')) {
        let shorter = number.trim_end_matches('0').trim_end_matches('.').len();
        number.truncate(shorter);
    }
    words
}

impl GenerativeTask {
    /// Whether a text contains an answer as consecutive whole words.
    pub fn is_right(&self, text: &str) -> bool {
        let written = words(text);
        self.answers.iter().any(|answer| {
            let wanted = words(answer);
            written.windows(wanted.len()).any(|window| window == wanted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_set_is_whole() {
        let (tasks, errors) = parse(BUILT_IN);
        assert_eq!(errors, []);
        assert!(tasks.len() >= 40, "{}", tasks.len());
        for task in &tasks {
            assert!(task.is_right(&task.answers[0]), "{}", task.prompt);
            assert!(!task.is_right(""), "{}", task.prompt);
        }
    }

    #[test]
    fn answers_are_whole_words_in_a_row() {
        let task =
            |answer: &str| GenerativeTask { prompt: "?".into(), answers: vec![answer.into()], topic: String::new() };
        assert!(task("Paris").is_right("The capital is paris."));
        assert!(!task("Paris").is_right("The Parisians"));
        assert!(task("1, 2, 3").is_right("Sure: 1 2 3 4"));
        assert!(!task("42").is_right("142"));
        for (number, written) in
            [("1,080", "It is 1080."), ("1080", "so $1,080.00 a year"), ("7", "3+4 = 7.0"), ("3.5", "3.50")]
        {
            assert!(task(number).is_right(written), "{number} in {written}");
        }
        for (number, written) in [("5", "3.5"), ("1080", "1,0800"), ("12", "1,2"), ("1", "1.5")] {
            assert!(!task(number).is_right(written), "{number} in {written}");
        }
        // A line of GSM8K as it is published.
        let line = r#"{"question": "Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much did she earn?", "answer": "Weng earns 12/60 = $<<12/60=0.2>>0.2 per minute.\nWorking 50 minutes, she earned 0.2 x 50 = $<<0.2*50=10>>10.\n#### 10"}"#;
        let (tasks, errors) = parse(line);
        assert_eq!((errors.len(), tasks[0].answers.clone()), (0, vec!["10".to_string()]));
        assert!(tasks[0].is_right("She earned $10.00.") && !tasks[0].is_right("She earned 0.2 x 50."));
        let (tasks, errors) = parse(
            "{\"question\":\"Q\",\"answer\":\"so 3+4\\n#### 7\"}\n{\"prompt\":\"Q\",\"answer\":5}\n{\"prompt\":\"\",\"answer\":\"x\"}",
        );
        assert_eq!(tasks.iter().map(|task| task.answers[0].as_str()).collect::<Vec<_>>(), ["7", "5"]);
        assert_eq!(errors[0].line, 3);
    }
}
