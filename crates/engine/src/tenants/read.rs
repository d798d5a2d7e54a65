//! Files read, and everything that is wrong with them as one list.

use std::collections::{BTreeMap, BTreeSet};

use tenantry_domain::config::{Document, DocumentKey, Draft, Problem, Problems};
use tenantry_domain::id::TenantId;

use super::Declarations;
use super::apply::{File, Resolved};

/// Fewer files than this are read before a thread has started.
const ALONE_MAX: usize = 200;

/// What files say.
pub(super) struct Read {
    /// The sound ones.
    pub(super) documents: Vec<Document>,
    /// The others.
    pub(super) drafts: Vec<Draft>,
    /// Documents that stand in two files.
    pub(super) problems: Problems,
}

impl Read {
    /// Reads every file; a document that stands in two files is a problem of both.
    pub(super) fn of(files: &[File]) -> Self {
        let mut read =
            Self { documents: Vec::with_capacity(files.len()), drafts: Vec::new(), problems: Problems::default() };
        let mut sources: BTreeMap<DocumentKey, String> = BTreeMap::new();
        for (file, draft) in files.iter().zip(drafts(files)) {
            if !draft.problems().0.is_empty() {
                read.drafts.push(draft);
                continue;
            }
            let Ok(document) = draft.into_document() else { continue };
            match sources.get(document.key()) {
                Some(first) => read.problems.0.push(Problem {
                    file: file.source.clone(),
                    line: 1,
                    column: 1,
                    field: String::new(),
                    message: format!("{} is declared in {first} already", document.key()),
                    excerpt: String::new(),
                    help: Some("keep one of the two".to_owned()),
                }),
                None => {
                    sources.insert(document.key().clone(), file.source.clone());
                    read.documents.push(document);
                }
            }
        }
        read
    }
}

/// Reads files in their order, many of them on every core.
fn drafts(files: &[File]) -> Vec<Draft> {
    let read = |file: &File| {
        let draft = Draft::read(&file.source, &file.text, file.stem.as_deref());
        // Made where there are cores for it; every document's is asked for.
        let _ = draft.document().map(Document::digest);
        draft
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if files.len() < ALONE_MAX || cores < 2 {
        return files.iter().map(read).collect();
    }
    std::thread::scope(|scope| {
        let parts: Vec<_> = files
            .chunks(files.len().div_ceil(cores))
            .map(|part| (part, scope.spawn(move || part.iter().map(read).collect::<Vec<Draft>>())))
            .collect();
        // A thread that failed is made up for here, where its failure is seen.
        parts
            .into_iter()
            .flat_map(|(part, read_by)| read_by.join().unwrap_or_else(|_| part.iter().map(read).collect()))
            .collect()
    })
}

/// Everything that is wrong with the files: by themselves, and under the layers that they and the store declare.
pub(super) fn all_problems(
    found: &Declarations,
    before: &Resolved,
    drafts: &mut [Draft],
    mut problems: Problems,
) -> Problems {
    let mut layers = found.layers.clone();
    let unsound: BTreeSet<DocumentKey> =
        drafts.iter().filter_map(Draft::document).map(|one| one.key().clone()).collect();
    for document in drafts.iter().filter_map(Draft::document) {
        layers.insert(document.clone());
    }
    // What a tenant comes to under a layer that is not sound yet, nobody knows.
    let sound = |tenant: &Document| !tenant.layers().iter().any(|layer| unsound.contains(layer));
    for draft in drafts.iter_mut() {
        let sound = draft.document().is_some_and(sound);
        draft.hold_against(&layers, sound);
        problems.0.extend(draft.problems().0.iter().cloned());
    }
    let mut wrong = Vec::new();
    for (id, tenant) in found.tenants.iter().filter(|(_, tenant)| !unsound.contains(tenant.key())) {
        let held = if sound(tenant) { layers.resolve(tenant).map(|_| ()) } else { layers.names_known(tenant) };
        let new = held.err().filter(|wrong| before.0.get(id) != Some(wrong));
        wrong.extend(new.map(|new| (tenant.key().clone(), new)));
    }
    problems.0.extend(gathered(found, &wrong).0);
    problems.sorted()
}

/// Problems of tenants as one list. What a shared document does to many of them is said once, with who they are.
pub(super) fn gathered(found: &Declarations, wrong: &[(DocumentKey, Problems)]) -> Problems {
    let mut gathered = Problems::default();
    type Said<'a> = (&'a str, u32, u32, &'a str, &'a str);
    let mut shared: BTreeMap<Said<'_>, (&Problem, Vec<&TenantId>)> = BTreeMap::new();
    for (key, problems) in wrong {
        for problem in &problems.0 {
            let DocumentKey::Tenant(id) = key else { continue };
            if found.tenants.get(id).is_some_and(|tenant| tenant.source() == problem.file) {
                gathered.0.push(problem.clone());
                continue;
            }
            let Problem { file, line, column, field, message, .. } = problem;
            shared.entry((file, *line, *column, field, message)).or_insert((problem, Vec::new())).1.push(id);
        }
    }
    gathered.0.extend(shared.into_values().map(|(problem, tenants)| {
        let of = match tenants.as_slice() {
            [first] => format!("for tenant `{first}`"),
            [first, rest @ ..] => format!("for tenant `{first}` and {} more", rest.len()),
            [] => String::new(),
        };
        Problem { message: format!("{}, {of}", problem.message), ..problem.clone() }
    }));
    gathered
}
