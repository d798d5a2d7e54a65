//! The tables whose rows are sealed, as data: what a row is bound to, and what it holds.

use tenantry_domain::id::TenantId;
use tenantry_keys::{Bound, Purpose};

use crate::decisions::pack;
use crate::failure::Failure;
use crate::sealed::Covered;
use crate::statement::{Cell, Dialect, Row, Statement, Value};

/// Data keys that have a newer version.
pub(super) const OLD: &str = "SELECT o.id FROM data_keys AS o JOIN data_keys AS n \
                              ON n.tenant = o.tenant AND n.purpose = o.purpose AND n.version > o.version";

/// What a row's own columns hold when it is sealed.
#[derive(Debug, Clone, Copy)]
enum Empty {
    Text,
    Bytes,
    NoText,
    NoBytes,
}

/// A table with sealed rows.
#[derive(Debug)]
pub(super) struct Table {
    name: &'static str,
    pub(super) purpose: Purpose,
    /// Whose a row is, as SQL.
    owner: &'static str,
    /// What an envelope is bound to, in this order, after the table's name.
    bound: &'static [&'static str],
    key: &'static [&'static str],
    /// What a row holds where it is not sealed.
    plain: &'static [&'static str],
    empty: Empty,
}

pub(super) static TABLES: [Table; 7] = [
    Table {
        name: "revisions",
        purpose: Purpose::Config,
        owner: "CASE WHEN kind = 3 THEN name ELSE '' END",
        bound: &["kind", "name", "number"],
        key: &["kind", "name", "number"],
        plain: &["body"],
        empty: Empty::NoText,
    },
    Table {
        name: "interventions",
        purpose: Purpose::Config,
        owner: "tenant",
        bound: &["tenant", "workload", "change"],
        key: &["tenant", "workload"],
        plain: &["body"],
        empty: Empty::Text,
    },
    Table {
        name: "asked",
        purpose: Purpose::Config,
        owner: "tenant",
        bound: &["tenant", "workload", "change"],
        key: &["change"],
        plain: &["body"],
        empty: Empty::Text,
    },
    Table {
        name: "decisions",
        purpose: Purpose::Decisions,
        owner: "tenant",
        bound: &["id", "tenant", "workload"],
        key: &["id"],
        plain: &["inputs", "planned"],
        empty: Empty::Text,
    },
    Table {
        name: "kept",
        purpose: Purpose::State,
        owner: "tenant",
        bound: &["tenant", "workload", "part", "at"],
        key: &["tenant", "workload", "part"],
        plain: &["bytes"],
        empty: Empty::Bytes,
    },
    Table {
        name: "answers",
        purpose: Purpose::Answers,
        owner: "tenant",
        bound: &["tenant", "caller", "key", "digest"],
        key: &["tenant", "caller", "key"],
        plain: &["body"],
        empty: Empty::NoBytes,
    },
    Table {
        name: "audit_entries",
        purpose: Purpose::Audit,
        owner: "tenant",
        bound: &["tenant", "seq"],
        key: &["tenant", "seq"],
        plain: &["detail"],
        empty: Empty::NoText,
    },
];

/// A row that is to be sealed anew.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) with: Option<i64>,
    pub(super) owner: String,
    pub(super) bound: Bound,
    pub(super) key: Vec<Cell>,
    pub(super) plain: Vec<Vec<u8>>,
    pub(super) sealed: Option<Vec<u8>>,
}

impl Table {
    fn is_plain(&self) -> String {
        let longer: Vec<String> = self.plain.iter().map(|column| format!("length({column}) > 0")).collect();
        format!("(sealed_with IS NULL AND ({}))", longer.join(" OR "))
    }

    /// Says 1 when a row is not sealed.
    pub(super) fn holds_plain(&self) -> Statement<'static> {
        let Self { name, .. } = self;
        let sql = format!(
            "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM {name} WHERE {}) THEN 1 ELSE 0 END AS BIGINT)",
            self.is_plain()
        );
        Statement::new(sql, Vec::new())
    }

    /// Which keys rows are sealed with, as SQL.
    pub(super) fn used(&self) -> String {
        format!("SELECT sealed_with FROM {} WHERE sealed_with IS NOT NULL", self.name)
    }

    fn condition<'a>(&self, tenant: Option<&'a TenantId>) -> (String, Vec<Value<'a>>) {
        let all = format!("({} OR sealed_with IN ({OLD}))", self.is_plain());
        match tenant {
            None => (all, Vec::new()),
            Some(tenant) => (format!("{all} AND {} = $1", self.owner), vec![Value::Text(tenant.as_str())]),
        }
    }

    /// Counts what is to be sealed anew.
    pub(super) fn counting<'a>(&self, tenant: Option<&'a TenantId>) -> Statement<'a> {
        let (condition, values) = self.condition(tenant);
        Statement::new(format!("SELECT count(*) FROM {} WHERE {condition}", self.name), values)
    }

    /// Reads what is to be sealed anew after a row, at most `count`.
    pub(super) fn pending<'a>(
        &self,
        dialect: Dialect,
        tenant: Option<&'a TenantId>,
        after: Option<&'a [Cell]>,
        count: i64,
    ) -> Result<Statement<'a>, Failure> {
        let (mut condition, mut values) = self.condition(tenant);
        let key = self.key.join(", ");
        if let Some(after) = after {
            let first = values.len() + 1;
            for cell in after {
                values.push(value(cell)?);
            }
            let listed: Vec<String> = (first..=values.len()).map(|number| format!("${number}")).collect();
            condition = format!("{condition} AND ({key}) > ({})", listed.join(", "));
        }
        values.push(Value::Int(count));
        // Rows are written by others at the same time.
        let locked = if dialect == Dialect::Postgres { " FOR UPDATE" } else { "" };
        let sql = format!(
            "SELECT sealed_with, {}, {}, {key}, {}, sealed FROM {} WHERE {condition} ORDER BY {key} LIMIT ${}{locked}",
            self.owner,
            self.bound.join(", "),
            self.plain.join(", "),
            self.name,
            values.len()
        );
        Ok(Statement::new(sql, values))
    }

    /// Reads a row of [`pending`](Self::pending).
    pub(super) fn read(&self, mut row: Row) -> Result<Pending, Failure> {
        let (with, owner) = (row.maybe_int()?, row.text()?);
        let mut bound = Bound::to(self.name);
        for _ in self.bound {
            bound = match row.cell()? {
                Cell::Int(number) => bound.number(number),
                Cell::Text(text) => bound.text(&text),
                Cell::Null | Cell::Bytes(_) => return Err(unnamed()),
            };
        }
        let key = self.key.iter().map(|_| row.cell()).collect::<Result<Vec<_>, _>>()?;
        let mut plain = Vec::with_capacity(self.plain.len());
        for _ in self.plain {
            plain.push(match row.cell()? {
                Cell::Text(text) => text.into_bytes(),
                Cell::Bytes(bytes) => bytes,
                Cell::Null => Vec::new(),
                Cell::Int(_) => return Err(unnamed()),
            });
        }
        Ok(Pending { with, owner, bound, key, plain, sealed: row.maybe_bytes()? })
    }

    /// What a row holds, as it is sealed.
    pub(super) fn packed(&self, plain: &[Vec<u8>]) -> Vec<u8> {
        match plain {
            [inputs, planned] => pack(inputs, planned),
            [one] => one.clone(),
            _ => Vec::new(),
        }
    }

    /// Writes a row that was sealed.
    pub(super) fn update<'a>(&self, key: &'a [Cell], covered: &'a Covered) -> Result<Statement<'a>, Failure> {
        let mut values = vec![covered.with(), covered.sealed()];
        let mut set = String::new();
        for column in self.plain {
            values.push(match self.empty {
                Empty::Text => Value::Text(""),
                Empty::Bytes => Value::Bytes(&[]),
                Empty::NoText => Value::MaybeText(None),
                Empty::NoBytes => Value::MaybeBytes(None),
            });
            set.push_str(&format!(", {column} = ${}", values.len()));
        }
        let mut named = Vec::with_capacity(key.len());
        for (column, cell) in self.key.iter().zip(key) {
            values.push(value(cell)?);
            named.push(format!("{column} = ${}", values.len()));
        }
        let sql = format!("UPDATE {} SET sealed_with = $1, sealed = $2{set} WHERE {}", self.name, named.join(" AND "));
        Ok(Statement::new(sql, values))
    }
}

fn unnamed() -> Failure {
    Failure::Unreadable("a column that names a row is of another kind".to_owned())
}

fn value(cell: &Cell) -> Result<Value<'_>, Failure> {
    match cell {
        Cell::Int(number) => Ok(Value::Int(*number)),
        Cell::Text(text) => Ok(Value::Text(text)),
        Cell::Null | Cell::Bytes(_) => Err(unnamed()),
    }
}
