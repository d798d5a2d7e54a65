//! YAML as a tree that knows where each value stands. Only the plain part of YAML: no anchors, aliases or tags, as they
//! hide what a setting is, and no key twice.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Largest accepted text.
const BYTES_MAX: usize = 1 << 20;
/// Deepest accepted nesting.
const DEPTH_MAX: usize = 32;

/// A place in a text, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Place {
    fn of(mark: Marker) -> Self {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: narrow(mark.line()).max(1), column: narrow(mark.col()).saturating_add(1) }
    }

    const START: Self = Self { line: 1, column: 1 };
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Scalar { value: Value, text: String },
    List(Vec<Node>),
    Map(Vec<(String, Place, Node)>),
}

/// Something that YAML, or our part of it, does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) message: String,
}

impl Node {
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Scalar { value, .. } => value.clone(),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Map(pairs) => {
                Value::Object(pairs.iter().map(|(key, _, node)| (key.clone(), node.to_value())).collect::<Map<_, _>>())
            }
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(pairs) => pairs.iter().find(|(name, _, _)| name == key).map(|(_, _, node)| node),
            _ => None,
        }
    }
}

/// Reads a text that holds one document.
///
/// # Errors
/// The first fault that keeps it from being read; keys that stand twice are all named.
pub(crate) fn read(text: &str) -> Result<Node, Vec<Fault>> {
    let fault = |place, message: &str| Fault { place, message: message.to_owned() };
    if text.len() > BYTES_MAX {
        return Err(vec![fault(Place::START, "the file is larger than 1 MiB, which no configuration is")]);
    }
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| vec![fault(Place::of(*error.marker()), &format!("not YAML: {}", error.info()))])?;
        match &event {
            Event::Alias(_) => {
                return Err(vec![fault(
                    Place::of(span.start),
                    "aliases (`*name`) are not allowed; write the value out",
                )]);
            }
            Event::Scalar(_, _, anchor, tag) if *anchor > 0 || tag.is_some() => {
                return Err(vec![fault(Place::of(span.start), "anchors (`&name`) and tags (`!name`) are not allowed")]);
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) if *anchor > 0 || tag.is_some() => {
                return Err(vec![fault(Place::of(span.start), "anchors (`&name`) and tags (`!name`) are not allowed")]);
            }
            _ => {}
        }
        events.push((event, Place::of(span.start)));
    }
    let documents = events.iter().filter(|(event, _)| matches!(event, Event::DocumentStart(_))).count();
    if documents > 1 {
        let second = events.iter().filter(|(event, _)| matches!(event, Event::DocumentStart(_))).nth(1);
        let place = second.map_or(Place::START, |(_, place)| *place);
        return Err(vec![fault(place, "a second document begins here; put each into a file of its own")]);
    }
    let content = events.into_iter().filter(|(event, _)| {
        !matches!(
            event,
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing
        )
    });
    let mut reader = Reader { events: content, faults: Vec::new() };
    match reader.node(0) {
        Some(node) if reader.faults.is_empty() => Ok(node),
        Some(_) => Err(reader.faults),
        None if reader.faults.is_empty() => Err(vec![fault(Place::START, "the file is empty")]),
        None => Err(reader.faults),
    }
}

struct Reader<'a, I: Iterator<Item = (Event<'a>, Place)>> {
    events: I,
    faults: Vec<Fault>,
}

impl<'a, I: Iterator<Item = (Event<'a>, Place)>> Reader<'a, I> {
    fn node(&mut self, depth: usize) -> Option<Node> {
        let (event, place) = self.events.next()?;
        self.build(event, place, depth)
    }

    fn build(&mut self, event: Event<'a>, place: Place, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            self.faults.push(Fault { place, message: format!("nested deeper than {DEPTH_MAX} levels") });
            return None;
        }
        let kind = match event {
            Event::Scalar(text, style, _, _) => Kind::Scalar { value: scalar(&text, style), text: text.into_owned() },
            Event::SequenceStart(..) => Kind::List(self.list(depth)?),
            Event::MappingStart(..) => Kind::Map(self.map(depth)?),
            _ => return None,
        };
        Some(Node { place, kind })
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            let (event, place) = self.events.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Some(items);
            }
            items.push(self.build(event, place, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Option<Vec<(String, Place, Node)>> {
        let mut pairs: Vec<(String, Place, Node)> = Vec::new();
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            let (event, place) = self.events.next()?;
            let key = match event {
                Event::MappingEnd => return Some(pairs),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => {
                    self.faults.push(Fault { place, message: "a key must be a plain name".to_owned() });
                    return None;
                }
            };
            let node = self.node(depth + 1)?;
            if let Some(first) = lines.get(&key) {
                let message = format!("`{key}` stands here a second time; the first is on line {first}");
                self.faults.push(Fault { place, message });
            } else {
                lines.insert(key.clone(), place.line);
                pairs.push((key, place, node));
            }
        }
    }
}

/// The value of a scalar by YAML 1.2's core schema; what is quoted is text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Value::Number(whole.into());
    }
    let looks = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
    let number = text.parse::<f64>().ok().filter(|_| looks).and_then(Number::from_f64);
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}
