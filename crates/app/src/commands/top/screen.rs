//! What the screen shows and what keys do, without a terminal.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::time::Timestamp;
use tenantry_engine::status::{ControllerStatus, WorkloadStatus};

use super::tenants::{TenantRow, tenants};

/// How things stand at one instant.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) now: Timestamp,
    pub(crate) workloads: Vec<WorkloadStatus>,
    /// None where nothing of them is told: to who sees only tenants.
    pub(crate) controllers: Option<Vec<ControllerStatus>>,
    /// Why the opened workload is the size it is.
    pub(crate) decisions: Vec<String>,
    pub(crate) banner: Vec<String>,
}

/// By what rows are ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    Name,
    Size,
    Cost,
    Trouble,
}

impl Sort {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Cost => "cost",
            Self::Trouble => "trouble",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Name => Self::Size,
            Self::Size => Self::Cost,
            Self::Cost => Self::Trouble,
            Self::Trouble => Self::Name,
        }
    }
}

/// What is to be done after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Redraw,
    Reload,
    Quit,
}

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    pub(crate) picture: Option<Picture>,
    pub(crate) sort: Sort,
    pub(crate) filter: String,
    pub(crate) typing: bool,
    pub(crate) selected: usize,
    pub(crate) scrolled: u16,
    /// Rows are tenants, not workloads.
    pub(crate) by_tenant: bool,
    /// Nobody can press a key.
    pub(crate) still: bool,
    open: Option<WorkloadKey>,
}

impl Screen {
    /// A screen that nobody can press a key at.
    pub(crate) fn without_keys() -> Self {
        Self { still: true, ..Self::default() }
    }

    pub(crate) fn show(&mut self, picture: Picture) {
        self.picture = Some(picture);
        self.selected = self.selected.min(self.count().saturating_sub(1));
    }

    /// Tenants of the workloads that pass the filter, in order.
    pub(super) fn tenants(&self) -> Vec<TenantRow> {
        tenants(&self.rows(), self.sort)
    }

    fn count(&self) -> usize {
        if self.by_tenant { self.tenants().len() } else { self.rows().len() }
    }

    /// The workload that is open.
    pub(crate) fn open(&self) -> Option<&WorkloadKey> {
        self.open.as_ref()
    }

    /// Rows that pass the filter, in order.
    pub(crate) fn rows(&self) -> Vec<&WorkloadStatus> {
        let all = self.picture.iter().flat_map(|picture| &picture.workloads);
        let mut rows: Vec<&WorkloadStatus> =
            all.filter(|status| passes(&status.key.to_string(), &self.filter)).collect();
        let size = |status: &WorkloadStatus| status.current.map_or(0, |size| size.get());
        let cost = |status: &WorkloadStatus| status.hour_cost.map_or(0, |cost| cost.0);
        match self.sort {
            Sort::Name => {}
            Sort::Size => rows.sort_by_key(|status| std::cmp::Reverse(size(status))),
            Sort::Cost => rows.sort_by_key(|status| std::cmp::Reverse(cost(status))),
            Sort::Trouble => rows.sort_by_key(|status| !is_troubled(status)),
        }
        rows
    }

    /// Does what a key asks for.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Wish {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Wish::Quit;
        }
        if self.typing {
            return self.type_filter(key.code);
        }
        match key.code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Esc if self.open.is_none() && self.filter.is_empty() => return Wish::Quit,
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => {
                if self.open.take().is_none() {
                    self.filter.clear();
                }
                self.scrolled = 0;
            }
            KeyCode::Up | KeyCode::Char('k') if self.open.is_some() => self.scrolled = self.scrolled.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') if self.open.is_some() => {
                self.scrolled = self.scrolled.saturating_add(1);
            }
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => {
                self.selected = (self.selected + 1).min(self.count().saturating_sub(1));
            }
            KeyCode::Char('t') if self.open.is_none() => (self.by_tenant, self.selected) = (!self.by_tenant, 0),
            // A tenant opens as its workloads.
            KeyCode::Enter | KeyCode::Right if self.by_tenant => {
                if let Some(row) = self.tenants().get(self.selected) {
                    self.filter = format!("{}/", row.tenant);
                    (self.by_tenant, self.selected) = (false, 0);
                }
            }
            KeyCode::Enter | KeyCode::Right => {
                self.open = self.rows().get(self.selected).map(|status| status.key.clone());
                return Wish::Reload;
            }
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('/') => self.typing = true,
            _ => {}
        }
        Wish::Redraw
    }

    fn type_filter(&mut self, code: KeyCode) -> Wish {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
        self.selected = 0;
        Wish::Redraw
    }
}

/// A filter that names a whole tenant, as `acme/`, stands for that one; any other is looked for anywhere.
fn passes(key: &str, filter: &str) -> bool {
    if filter.ends_with('/') { key.starts_with(filter) } else { key.contains(filter) }
}

/// Whether a workload needs somebody.
pub(crate) fn is_troubled(status: &WorkloadStatus) -> bool {
    use tenantry_domain::plan::Hold;
    status.trouble.is_some()
        || status.blind_since.is_some()
        || matches!(
            status.hold,
            Some(Hold::Unreadable | Hold::Blind | Hold::Broken(_) | Hold::ForeignScaler | Hold::Rival(_))
        )
}
