//! Prompts with an exact answer, which is searched in the text that a model writes.

use serde::{Deserialize, Serialize};

use super::{LineError, read_lines};

/// Most tokens that a model may write for a task of any set.
pub const MAX_NEW_TOKENS: usize = 24;

/// The built-in sets, written for this project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum GenerativeSet {
    /// Short questions and orders, asked through the chat template.
    #[default]
    Answers,
    /// Sums, differences and products of small numbers, in one step and in two.
    Arithmetic,
    /// Brackets to close and lists to copy.
    Structure,
}

/// Worked examples by topic: the lines before each prompt of a set whose prompts are beginnings of a line that the model
/// ends. Forms and difficulty are chosen for the default model, never single items.
type Examples = &'static [(&'static str, &'static str)];

const ARITHMETIC_EXAMPLES: Examples = &[
    ("one step", "2 + 5 = 7\n9 - 4 = 5\n3 × 4 = 12\n8 - 6 = 2\n6 + 4 = 10\n5 × 2 = 10\n"),
    ("two steps", "1 + 4 + 2 = 5 + 2 = 7\n3 + 1 + 4 = 4 + 4 = 8\n2 + 2 + 5 = 4 + 5 = 9\n"),
];
const STRUCTURE_EXAMPLES: Examples = &[
    ("brackets", "( [ -> ] )\n{ -> }\n[ { ( -> ) } ]\n( { -> } )\n"),
    (
        "lists",
        "pen, cup, road -> pen, cup, road\nking, salt, wind -> king, salt, wind\nleg, snow, coin -> leg, snow, coin\n",
    ),
];

impl GenerativeSet {
    /// All sets.
    pub const ALL: [Self; 3] = [Self::Answers, Self::Arithmetic, Self::Structure];

    /// The set as JSON lines.
    fn text(self) -> &'static str {
        match self {
            Self::Answers => include_str!("../../../../public/sets/generative.jsonl"),
            Self::Arithmetic => include_str!("../../../../public/sets/arithmetic.jsonl"),
            Self::Structure => include_str!("../../../../public/sets/structure.jsonl"),
        }
    }

    /// Its tasks.
    pub fn tasks(self) -> Vec<GenerativeTask> {
        self.parse(self.text()).0
    }

    /// The built-in task with this prompt, if there is one.
    pub fn task_of(self, prompt: &str) -> Option<GenerativeTask> {
        self.tasks().into_iter().find(|task| task.prompt == prompt.trim())
    }

    /// Parses JSON lines as tasks of this set; returns the lines that cannot be used as errors.
    pub fn parse(self, text: &str) -> (Vec<GenerativeTask>, Vec<LineError>) {
        let (tasks, errors) = read_lines(text, |line: Line| {
            let answers = match line.answers {
                // GSM8K's answers end with `####` and the number.
                Answers::One(text) => vec![text.rsplit("####").next().unwrap_or_default().trim().to_string()],
                Answers::Number(number) => vec![number.to_string()],
                Answers::Several(texts) => texts,
            };
            if line.prompt.trim().is_empty() || answers.is_empty() || !answers.iter().all(|text| self.can_answer(text))
            {
                return Err("its prompt or answer is empty".into());
            }
            if self.ends_lines() && self.examples_of(&line.topic).is_none() {
                return Err("its topic has no examples".into());
            }
            Ok(GenerativeTask { prompt: line.prompt, answers, topic: line.topic })
        });
        (tasks.into_iter().map(|(_, task)| task).collect(), errors)
    }

    /// Whether a text can be an answer: it has words, or it is one line.
    fn can_answer(self, text: &str) -> bool {
        if self.ends_lines() { !text.trim().is_empty() && !text.contains('\n') } else { !words(text).is_empty() }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answers => "Exact answers",
            Self::Arithmetic => "Arithmetic",
            Self::Structure => "Structure",
        }
    }

    /// The worked examples that precede each prompt; empty where prompts are asked through the chat template.
    fn examples(self) -> Examples {
        match self {
            Self::Answers => &[],
            Self::Arithmetic => ARITHMETIC_EXAMPLES,
            Self::Structure => STRUCTURE_EXAMPLES,
        }
    }

    /// Whether its prompts are beginnings of a line that the model ends.
    fn ends_lines(self) -> bool {
        !self.examples().is_empty()
    }

    /// The worked examples of a topic.
    fn examples_of(self, topic: &str) -> Option<&'static str> {
        self.examples().iter().find(|(name, _)| *name == topic).map(|(_, examples)| *examples)
    }

    /// A task's prompt as plain text, examples included; `None` if it is asked through the chat template.
    pub fn plain_prompt(self, task: &GenerativeTask) -> Option<String> {
        self.examples_of(&task.topic).map(|examples| format!("{examples}{}", task.prompt))
    }

    /// Most tokens that a model may write for one of its tasks.
    pub fn new_tokens(self) -> usize {
        match self {
            Self::Answers => MAX_NEW_TOKENS,
            Self::Arithmetic | Self::Structure => 12,
        }
    }

    /// Whether a text answers one of its tasks: it contains the answer, or its first line is the answer.
    pub fn is_right(self, task: &GenerativeTask, text: &str) -> bool {
        if self.ends_lines() { task.is_line(text) } else { task.contains_answer(text) }
    }

    /// Whether nothing that is written after this text can change whether it is right.
    pub fn is_decided(self, task: &GenerativeTask, text: &str) -> bool {
        if self.ends_lines() { text.contains('\n') || !task.begins_line(text) } else { task.contains_answer(text) }
    }
}

/// A prompt with its exact answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerativeTask {
    /// The prompt.
    pub prompt: String,
    /// Accepted answers; how a text must give one of them is its set's, see [`GenerativeSet::is_right`].
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

/// A text without its white space.
fn packed(text: &str) -> String {
    text.split_whitespace().collect()
}

impl GenerativeTask {
    /// Whether a text contains an answer as consecutive whole words.
    fn contains_answer(&self, text: &str) -> bool {
        let written = words(text);
        self.answers.iter().any(|answer| {
            let wanted = words(answer);
            written.windows(wanted.len()).any(|window| window == wanted)
        })
    }

    /// Whether a text's first line is an answer and nothing else, white space aside. Punctuation counts.
    fn is_line(&self, text: &str) -> bool {
        let line = packed(text.split('\n').next().unwrap_or_default());
        self.answers.iter().any(|answer| packed(answer) == line)
    }

    /// Whether an answer begins with a text, white space aside.
    fn begins_line(&self, text: &str) -> bool {
        let line = packed(text);
        self.answers.iter().any(|answer| packed(answer).starts_with(&line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_built_in_sets_are_whole() {
        for set in GenerativeSet::ALL {
            let (tasks, errors) = set.parse(set.text());
            assert_eq!(errors, []);
            assert!(tasks.len() >= 40, "{set:?}: {}", tasks.len());
            let prompts: BTreeSet<&str> = tasks.iter().map(|task| task.prompt.trim()).collect();
            assert_eq!(prompts.len(), tasks.len(), "{set:?} asks nothing twice");
            for task in &tasks {
                for answer in &task.answers {
                    assert!(set.is_right(task, answer), "{}", task.prompt);
                }
                assert!(!set.is_right(task, "") && !task.topic.is_empty(), "{}", task.prompt);
                let asked = set.plain_prompt(task).unwrap_or_else(|| task.prompt.clone());
                assert!(!asked.ends_with(char::is_whitespace), "{asked}: a space would be a token of its own");
                let shown = set.examples_of(&task.topic).unwrap_or_default();
                assert!(
                    !shown.lines().any(|line| line.starts_with(&task.prompt)),
                    "{}: the examples give it away",
                    task.prompt
                );
            }
        }
    }

    /// The value of `a op b op c`, from left to right.
    fn value(text: &str) -> i32 {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let first: i32 = parts[0].parse().unwrap();
        parts[1..].chunks(2).fold(first, |value, pair| {
            let next: i32 = pair[1].parse().unwrap();
            match pair[0] {
                "+" => value + next,
                "-" => value - next,
                "×" => value * next,
                other => panic!("{other} is no operation"),
            }
        })
    }

    /// Both sides of every equation are equal, in examples and answers; brackets close in order, lists are the same.
    #[test]
    fn answers_and_examples_are_right() {
        let whole = |set: GenerativeSet| {
            let tasks = set.tasks().into_iter();
            let lines = tasks.flat_map(|task| {
                let prompt = task.prompt;
                task.answers.into_iter().map(move |answer| (task.topic.clone(), format!("{prompt} {answer}")))
            });
            let examples = set
                .examples()
                .iter()
                .flat_map(|(topic, lines)| lines.lines().map(move |line| ((*topic).to_string(), line.to_string())));
            lines.chain(examples).collect::<Vec<_>>()
        };
        for (_, line) in whole(GenerativeSet::Arithmetic) {
            let sides: Vec<i32> = line.split(" = ").map(value).collect();
            assert!(sides.len() >= 2 && sides.windows(2).all(|pair| pair[0] == pair[1]), "{line}");
        }
        for (topic, line) in whole(GenerativeSet::Structure) {
            let (open, close) = line.split_once(" -> ").unwrap();
            let mirrored: String = close
                .chars()
                .rev()
                .map(|c| match c {
                    ')' => '(',
                    ']' => '[',
                    '}' => '{',
                    c => c,
                })
                .collect();
            assert_eq!(open, if topic == "brackets" { mirrored.as_str() } else { close }, "{line}");
        }
    }

    #[test]
    fn a_line_is_an_answer_as_a_whole() {
        let task =
            |answer: &str| GenerativeTask { prompt: "?".into(), answers: vec![answer.into()], topic: String::new() };
        let set = GenerativeSet::Structure;
        for right in [" ) ]", ") ]\n( [", ")]\n"] {
            assert!(set.is_right(&task(") ]"), right), "{right}");
        }
        for wrong in [" ) ] )", "\n) ]", "] )", ") ].", ""] {
            assert!(!set.is_right(&task(") ]"), wrong), "{wrong}");
        }
        let decided = |text: &str| set.is_decided(&task("1"), text);
        assert_eq!(["", " 1", " 1\n", " 12", " 2"].map(decided), [false, false, true, true, true]);
        let line = |topic: &str, answer: &str| {
            serde_json::json!({ "topic": topic, "prompt": "( ->", "answer": answer }).to_string()
        };
        let text = [line("brackets", ")"), line("brackets", " "), line("?", ")"), line("brackets", ")\n)")].join("\n");
        let (tasks, errors) = set.parse(&text);
        assert_eq!((tasks.len(), errors.iter().map(|error| error.line).collect::<Vec<_>>()), (1, vec![2, 3, 4]));
    }

    #[test]
    fn answers_are_whole_words_in_a_row() {
        let task =
            |answer: &str| GenerativeTask { prompt: "?".into(), answers: vec![answer.into()], topic: String::new() };
        assert!(task("Paris").contains_answer("The capital is paris."));
        assert!(!task("Paris").contains_answer("The Parisians"));
        assert!(task("1, 2, 3").contains_answer("Sure: 1 2 3 4"));
        assert!(!task("42").contains_answer("142"));
        for (number, written) in
            [("1,080", "It is 1080."), ("1080", "so $1,080.00 a year"), ("7", "3+4 = 7.0"), ("3.5", "3.50")]
        {
            assert!(task(number).contains_answer(written), "{number} in {written}");
        }
        for (number, written) in [("5", "3.5"), ("1080", "1,0800"), ("12", "1,2"), ("1", "1.5")] {
            assert!(!task(number).contains_answer(written), "{number} in {written}");
        }
        // A line of GSM8K as it is published.
        let line = r#"{"question": "Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much did she earn?", "answer": "Weng earns 12/60 = $<<12/60=0.2>>0.2 per minute.\nWorking 50 minutes, she earned 0.2 x 50 = $<<0.2*50=10>>10.\n#### 10"}"#;
        let (tasks, errors) = GenerativeSet::Answers.parse(line);
        assert_eq!((errors.len(), tasks[0].answers.clone()), (0, vec!["10".to_string()]));
        assert!(tasks[0].contains_answer("She earned $10.00.") && !tasks[0].contains_answer("She earned 0.2 x 50."));
        let (tasks, errors) = GenerativeSet::Answers.parse(
            "{\"question\":\"Q\",\"answer\":\"so 3+4\\n#### 7\"}\n{\"prompt\":\"Q\",\"answer\":5}\n{\"prompt\":\"\",\"answer\":\"x\"}",
        );
        assert_eq!(tasks.iter().map(|task| task.answers[0].as_str()).collect::<Vec<_>>(), ["7", "5"]);
        assert_eq!(errors[0].line, 3);
    }
}
