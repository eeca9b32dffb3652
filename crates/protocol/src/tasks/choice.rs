//! Multiple-choice questions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{LineError, read_lines};

/// The built-in set, written for this project.
pub const BUILT_IN: &str = include_str!("../../../../public/sets/multiple_choice.jsonl");
/// Most options of a question.
pub const MAX_OPTIONS: usize = 10;

/// A question with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The question.
    pub question: String,
    /// The options, 2 to [`MAX_OPTIONS`].
    pub choices: Vec<String>,
    /// Index of the right option.
    pub answer: usize,
    /// Its topic; may be empty.
    pub topic: String,
}

impl Question {
    /// The letter of an option: `a` for index 0.
    pub fn letter(option: usize) -> char {
        (b'a' + option as u8) as char
    }

    /// The prompt for letter scoring: lists the options and ends before the letter.
    pub fn letter_prompt(&self) -> String {
        let options: String =
            self.choices.iter().enumerate().map(|(at, text)| format!("{}) {text}\n", Self::letter(at))).collect();
        format!("Question: {}\n{options}Answer:", self.question)
    }

    /// The prompt for cloze scoring: ends before an option's own text. One worked example shows the form; the default
    /// model answers 58 of the 66 built-in questions with it, 43 without.
    pub fn cloze_prompt(&self) -> String {
        format!("Question: What color is snow?\nAnswer: white\n\nQuestion: {}\nAnswer:", self.question)
    }
}

/// A line of a public set, as JSON fields. Field names differ between sets; the lists below name the known ones.
#[derive(Deserialize)]
struct Line(Map<String, Value>);

/// Field names of the question. RTE and BoolQ are handled separately: their texts come first.
const QUESTION: [&str; 8] = ["question", "question_stem", "ctx", "goal", "sentence", "prompt", "input", "query"];
/// Field names of the list of options.
const CHOICES: [&str; 3] = ["choices", "options", "endings"];
/// Field names of the right option, the least ambiguous first: MMLU-Pro has an index besides a letter, AGIEval a label
/// besides a null answer.
const ANSWER: [&str; 7] = ["answer_index", "answerKey", "answer", "label", "gold", "target", "correct_answer"];
/// Field names of the topic.
const TOPIC: [&str; 4] = ["topic", "subject", "category", "dataset"];

/// How a line states the right option.
enum Answer {
    /// Index from 0.
    Place(usize),
    /// A number that counts from 0 or from 1, which only the whole set decides.
    Number(usize),
}

/// A question whose right option may not be decided yet.
struct Draft {
    question: String,
    choices: Vec<String>,
    answer: Answer,
    topic: String,
}

/// Parses a set of JSON lines; returns the lines that cannot be used as errors.
pub fn parse(text: &str) -> (Vec<Question>, Vec<LineError>) {
    let (drafts, mut errors) = read_lines(text, draft);
    let numbers = drafts.iter().filter_map(|(_, draft)| match draft.answer {
        Answer::Number(number) => Some((number, draft.choices.len())),
        Answer::Place(_) => None,
    });
    // A 0 means that the set counts from 0; a number equal to the number of options, that it counts from 1.
    let (mut zero, mut full) = (false, false);
    numbers.for_each(|(number, choices)| {
        zero |= number == 0;
        full |= number == choices;
    });
    let first = usize::from(full && !zero);
    let mut questions = vec![];
    for (line, Draft { question, choices, answer, topic }) in drafts {
        let place = match answer {
            Answer::Place(place) => Some(place),
            Answer::Number(number) => number.checked_sub(first).filter(|place| *place < choices.len()),
        };
        match place {
            Some(answer) => questions.push(Question { question, choices, answer, topic }),
            None => errors.push(LineError { line, why: "its answer's number is none of its choices'".into() }),
        }
    }
    errors.sort_by_key(|error| error.line);
    (questions, errors)
}

/// The built-in set.
pub fn built_in() -> Vec<Question> {
    parse(BUILT_IN).0
}

/// The texts of a list; numbers are converted to text.
fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Line {
    /// The first value, not null, under one of some names.
    fn first(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.0.get(*name).filter(|value| !value.is_null()))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Two options that have fields of their own.
    fn pair(&self, names: [&str; 2]) -> Option<Vec<String>> {
        names.iter().map(|name| text(self.0.get(*name)?)).collect()
    }
}

fn draft(line: Line) -> Result<Draft, String> {
    let topic = line.first(&TOPIC).and_then(Value::as_str).unwrap_or_default().to_string();
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    // RTE: label 0 means that the second sentence follows from the first.
    let hypothesis = line.text("hypothesis").or(line.text("sentence2"));
    if let (Some(premise), Some(hypothesis)) = (line.text("premise").or(line.text("sentence1")), hypothesis) {
        let label = line.first(&ANSWER).ok_or("it has no `label`")?;
        let answer = match (number(label), label.as_str()) {
            (Some(place @ 0..=1), _) => place as usize,
            (_, Some("entailment")) => 0,
            (_, Some("not_entailment")) => 1,
            _ => return Err(format!("its label {label} is neither 0 (entailment) nor 1")),
        };
        let question = format!("{premise}\nDoes it follow that: {hypothesis}");
        return Ok(Draft { question, choices: vec!["yes".into(), "no".into()], answer: Answer::Place(answer), topic });
    }
    let stated = line.first(&QUESTION).ok_or("it has no `question`")?;
    let (question, inner) = match stated {
        Value::String(text) => (text.clone(), None),
        // OpenBookQA's raw form nests the options next to the stem.
        Value::Object(inner) => {
            (inner.get("stem").and_then(Value::as_str).unwrap_or_default().into(), inner.get("choices"))
        }
        _ => (String::new(), None),
    };
    if question.trim().is_empty() {
        return Err("`question` is no text".into());
    }
    let passage = line.text("passage").filter(|passage| !passage.trim().is_empty());
    let question = passage.map_or(question.clone(), |passage| format!("{passage}\n{question}"));
    let answer = line.first(&ANSWER);
    let mut labels = None;
    // WinoGrande's two options are numbered from 1, PIQA's solutions from 0.
    let (winogrande, piqa) = (line.pair(["option1", "option2"]), line.pair(["sol1", "sol2"]));
    let first = if winogrande.is_some() {
        Some(1)
    } else if piqa.is_some() {
        Some(0)
    } else {
        None
    };
    let choices = match line.first(&CHOICES).or(inner) {
        Some(Value::Object(both)) => {
            labels = both.get("label").and_then(texts);
            both.get("text").and_then(texts)
        }
        Some(Value::Array(list)) if list.iter().all(Value::is_object) => {
            let part = |key: &str| list.iter().map(|one| text(one.get(key)?)).collect::<Option<Vec<_>>>();
            labels = part("label");
            part("text")
        }
        Some(list) => texts(list),
        None => winogrande.or(piqa).or_else(|| {
            // BoolQ.
            answer.filter(|answer| answer.is_boolean()).map(|_| vec!["no".into(), "yes".into()])
        }),
    };
    let choices = choices.ok_or("it has no `choices` that are texts")?;
    if !(2..=MAX_OPTIONS).contains(&choices.len()) || choices.iter().any(|choice| choice.trim().is_empty()) {
        return Err(format!(
            "it has {} choices, some may be empty; 2 to {MAX_OPTIONS} texts are needed",
            choices.len()
        ));
    }
    let answer = answer.ok_or("it has no `answer`")?;
    let is_index = line.0.get("answer_index").is_some_and(|value| !value.is_null());
    let found = match first {
        Some(first) => {
            let place = number(answer).and_then(|number| (number as usize).checked_sub(first));
            place.filter(|place| *place < choices.len()).map(Answer::Place)
        }
        None if is_index => number(answer).map(|place| Answer::Place(place as usize)),
        None => place(answer, &choices, labels.as_deref())?,
    };
    let fits = |answer: &Answer| !matches!(answer, Answer::Place(place) if *place >= choices.len());
    let answer = found.filter(fits).ok_or_else(|| format!("its answer {answer} is none of its choices"))?;
    Ok(Draft { question, choices, answer, topic })
}

/// Finds the right option by its label, text, letter, number, or true and false; `None` if none matches.
///
/// The error says that the answer could mean two options.
fn place(answer: &Value, choices: &[String], labels: Option<&[String]>) -> Result<Option<Answer>, String> {
    let within = |place: usize| Some(place).filter(|place| *place < choices.len());
    let written = match answer {
        Value::Bool(truth) => return Ok(Some(Answer::Place(usize::from(*truth)))),
        Value::String(text) => text.trim().to_string(),
        Value::Number(number) => number.to_string(),
        _ => return Ok(None),
    };
    // If there are labels, the answer is one of them.
    if let Some(labels) = labels {
        return Ok(labels.iter().position(|label| *label == written).map(Answer::Place));
    }
    let letter = match written.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => within(usize::from(letter.to_ascii_lowercase() - b'a')),
        _ => None,
    };
    let number: Option<usize> = written.parse().ok();
    // A JSON number is an index, even if the options are numbers.
    let by_text = choices.iter().position(|choice| *choice == written).filter(|_| answer.is_string());
    let others = [letter, number.and_then(within), number.and_then(|number| within(number.checked_sub(1)?))];
    match by_text {
        Some(place) if others.iter().flatten().any(|other| *other != place) => Err(format!(
            "its answer {answer} could mean the option with that text or the one with that letter or number"
        )),
        Some(place) => Ok(Some(Answer::Place(place))),
        None => Ok(letter.map(Answer::Place).or(number.map(Answer::Number))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_option_has_a_letter() {
        let choices: Vec<String> = (0..MAX_OPTIONS).map(|option| format!("option {option}")).collect();
        for (option, letter) in ('a'..).take(MAX_OPTIONS).enumerate() {
            for letter in [letter, letter.to_ascii_uppercase()] {
                let answer = place(&Value::String(letter.into()), &choices, None);
                assert!(matches!(answer, Ok(Some(Answer::Place(place))) if place == option), "{letter}");
            }
        }
        let none = place(&Value::String("k".into()), &choices, None);
        assert!(matches!(none, Ok(None)), "an eleventh letter is no option");
    }

    #[test]
    fn the_built_in_set_is_whole() {
        let (questions, errors) = parse(BUILT_IN);
        assert_eq!(errors, []);
        assert!(questions.len() >= 60, "{}", questions.len());
        let mut topics = BTreeMap::<&str, usize>::new();
        let mut places = [0; 4];
        for question in &questions {
            *topics.entry(&question.topic).or_default() += 1;
            assert_eq!(question.choices.len(), 4, "{}", question.question);
            places[question.answer] += 1;
            let mut choices = question.choices.clone();
            choices.sort();
            choices.dedup();
            assert_eq!(choices.len(), 4, "{}", question.question);
        }
        assert!(topics.len() >= 5 && topics.values().all(|count| *count >= 5), "{topics:?}");
        assert!(places.iter().all(|count| *count * 6 >= questions.len()), "the right letters are spread: {places:?}");
    }

    /// One line of each published set in its own form, with the right option.
    #[test]
    fn a_line_of_each_published_set_is_read() {
        let lines = [
            // MMLU: hub (cais/mmlu).
            (
                r#"{"question":"Find the degree for the given field extension Q(sqrt(2), sqrt(3), sqrt(18)) over Q.","subject":"abstract_algebra","choices":["0","4","2","6"],"answer":1}"#,
                "4",
            ),
            // MMLU-Pro (TIGER-Lab/MMLU-Pro), cut to three options.
            (
                r#"{"question_id":70,"question":"Typical advertising regulatory bodies suggest, for example that adverts must not: encourage _________.","options":["Safe practices, Fear","Unsafe practices, Distress","Safe practices, Wants"],"answer":"B","answer_index":1,"cot_content":"","category":"business","src":"ori_mmlu-business_ethics"}"#,
                "Unsafe practices, Distress",
            ),
            // AGIEval: multiple choice has a label, and an answer that is null.
            (
                r#"{"passage":"Four people stand in a row.","question":"Who is first?","options":["(A)Ann","(B)Bob","(C)Cid","(D)Dee"],"label":"C","answer":null,"other":null}"#,
                "(C)Cid",
            ),
            // ARC: letters, and numbers as labels.
            (
                r#"{"id":"Mercury_7175875","question":"Which factor will most likely cause a person to develop a fever?","choices":{"text":["a leg muscle relaxing after exercise","a bacterial population in the bloodstream"],"label":["A","B"]},"answerKey":"B"}"#,
                "a bacterial population in the bloodstream",
            ),
            (
                r#"{"id":"MEA_2013_8_15","question":"The digestive system breaks food into?","choices":{"text":["2 cells","molecules","tissues","nutrients"],"label":["1","2","3","4"]},"answerKey":"2"}"#,
                "molecules",
            ),
            (
                r#"{"question":{"stem":"Which is wet?","choices":[{"text":"sand","label":"A"},{"text":"sea","label":"B"}]},"answerKey":"B"}"#,
                "sea",
            ),
            // OpenBookQA and CommonsenseQA on the hub.
            (
                r#"{"id":"7-980","question_stem":"The sun is responsible for","choices":{"text":["puppies learning new tricks","children growing up and getting old","flowers wilting in a vase","plants sprouting, blooming and wilting"],"label":["A","B","C","D"]},"answerKey":"D"}"#,
                "plants sprouting, blooming and wilting",
            ),
            (
                r#"{"id":"075e","question":"Where would you put a revolving door?","question_concept":"revolving door","choices":{"label":["A","B"],"text":["bank","library"]},"answerKey":"A"}"#,
                "bank",
            ),
            // HellaSwag: a label in a text, counted from 0.
            (
                r#"{"ind":4,"activity_label":"Removing ice from car","ctx_a":"Then, the man writes.","ctx_b":"then","ctx":"Then, the man writes. then","endings":[", he adds wax.",", a person boards a ski lift.",", he puts on a coat."],"label":"2"}"#,
                ", he puts on a coat.",
            ),
            (r#"{"ctx":"Then","endings":["w","x"],"label":"0"}"#, "w"),
            // PIQA: 0 or 1.
            (
                r#"{"goal":"How do I ready a guinea pig cage?","sol1":"Provide bedding.","sol2":"Provide shredded steel.","label":0}"#,
                "Provide bedding.",
            ),
            // WinoGrande: 1 or 2.
            (
                r#"{"sentence":"Sarah was better than Maria, so _ got the easy cases.","option1":"Sarah","option2":"Maria","answer":"2"}"#,
                "Maria",
            ),
            (
                r#"{"sentence":"Sarah was better than Maria, so _ got the hard cases.","option1":"Sarah","option2":"Maria","answer":"1"}"#,
                "Sarah",
            ),
            // BoolQ.
            (
                r#"{"question":"do iran and afghanistan speak the same language","passage":"Persian is spoken in both.","answer":true}"#,
                "yes",
            ),
            // RTE: GLUE and SuperGLUE.
            (
                r#"{"sentence1":"No weapons of mass destruction were found.","sentence2":"Weapons were found.","label":1,"idx":0}"#,
                "no",
            ),
            (r#"{"premise":"A place of sorrow.","hypothesis":"A place.","label":"entailment","idx":0}"#, "yes"),
            // This project's own.
            (r#"{"question":"Q","choices":["w","x","y","z"],"answer":"y"}"#, "y"),
            (r#"{"question":"Q","options":["w","x","y","z"],"answer":"c"}"#, "y"),
        ];
        for (line, right) in lines {
            let (questions, errors) = parse(line);
            assert_eq!(errors, [], "{line}");
            assert_eq!(questions[0].choices[questions[0].answer], right, "{line}");
        }
        // All in one file: no line changes how another is read.
        let (questions, errors) = parse(&lines.map(|(line, _)| line).join("\n"));
        assert_eq!(errors, []);
        let right: Vec<&str> = questions.iter().map(|question| question.choices[question.answer].as_str()).collect();
        assert_eq!(right, lines.map(|(_, right)| right));
        assert_eq!(questions[0].topic, "abstract_algebra");
        assert!(questions[2].question.starts_with("Four people stand in a row.\nWho"), "with the text it is about");
    }

    #[test]
    fn numbers_count_from_where_the_set_counts() {
        let file = |answers: &[u32]| {
            let line = |answer: &u32| format!(r#"{{"question":"Q","choices":["w","x","y","z"],"answer":{answer}}}"#);
            let (questions, errors) = parse(&answers.iter().map(line).collect::<Vec<_>>().join("\n"));
            let places: Vec<usize> = questions.iter().map(|question| question.answer).collect();
            (places, errors.iter().map(|error| error.line).collect::<Vec<_>>())
        };
        assert_eq!(file(&[0, 3, 1]), (vec![0, 3, 1], vec![]));
        assert_eq!(file(&[4, 3, 1]), (vec![3, 2, 0], vec![]), "no 0, and a 4 of four");
        assert_eq!(file(&[2, 1]), (vec![2, 1], vec![]), "from 0, as documented");
        assert_eq!(file(&[0, 4, 1]), (vec![0, 1], vec![2]), "it cannot be both");
    }

    #[test]
    fn an_answer_with_two_meanings_is_told() {
        let why = |line: &str| parse(line).1.first().map(|error| error.why.clone()).unwrap_or_default();
        assert!(why(r#"{"question":"Q","choices":["B","A"],"answer":"A"}"#).contains("could mean"));
        assert!(why(r#"{"question":"Q","choices":["3","2","1"],"answer":"2"}"#).contains("could mean"));
        assert_eq!(why(r#"{"question":"Q","choices":["A","B"],"answer":"A"}"#), "");
        assert_eq!(why(r#"{"question":"Q","choices":["5","7"],"answer":"7"}"#), "");
        assert_eq!(why(r#"{"question":"Q","choices":["2","1"],"answer":0}"#), "", "a number is a place");
    }

    #[test]
    fn bad_lines_are_named_and_the_others_stay() {
        let text = "{\"question\":\"Q\",\"choices\":[\"a\",\"b\"],\"answer\":0}\n\nnot json\n{\"question\":\"Q\",\"answer\":0}\n\
                    {\"question\":\"Q\",\"choices\":[\"a\",\"b\"],\"answer\":7}\n{\"question\":\"Q\",\"choices\":[\"a\"],\"answer\":0}";
        let (questions, errors) = parse(text);
        assert_eq!(questions.len(), 1);
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!(errors[2].to_string().contains("line 5") && errors[2].to_string().contains("none of its choices"));
    }

    #[test]
    fn prompts_end_where_the_answer_begins() {
        let (questions, _) = parse(r#"{"question":"Q?","choices":["x","y"],"answer":0}"#);
        assert_eq!(questions[0].letter_prompt(), "Question: Q?\na) x\nb) y\nAnswer:");
        assert!(questions[0].cloze_prompt().ends_with("\n\nQuestion: Q?\nAnswer:"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[\\PC\n]{0,200}") {
            let _ = parse(&text);
        }
    }
}
