//! From the name of an operation to what it is.

use super::{Class, Creation, EventType, Filters, Operation, Param, Property, Set, class};
use crate::kms::failure::{Code, Failure};
use std::iter;

/// What `invoke` can name: an operation, or one of a property's two.
#[derive(Clone, Copy)]
pub(crate) enum Method {
    Operation(&'static Operation),
    Get(&'static Property),
    /// With the name of its one parameter, which 6.x clients spell in their own way.
    Set(&'static Property, &'static str),
}

impl Method {
    pub(crate) fn params(&self) -> Vec<Param> {
        match self {
            Self::Operation(operation) => operation.params.to_vec(),
            Self::Get(_) => Vec::new(),
            Self::Set(property, name) => vec![Param::required(name, property.kind)],
        }
    }
}

impl Class {
    /// The class of this name, also of abstract ones and those that cannot be created here.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        class::ALL.iter().copied().find(|class| class.name == name)
    }

    /// The class that `create` names, plain or as `kurento.Name`.
    ///
    /// # Errors
    /// 40108 for what this server cannot create.
    pub(crate) fn to_create(name: &str, filters: Filters) -> Result<&'static Self, Failure> {
        let plain = name.strip_prefix("kurento.").unwrap_or(name);
        Self::named(plain)
            .filter(|class| class.can_be_created(filters))
            // KMS: so answers one without the module that has the class.
            .ok_or_else(|| Failure::new(Code::NotAvailable, format!("Factory '{name}' not found")))
    }

    pub(crate) fn can_be_created(&self, filters: Filters) -> bool {
        match self.creation {
            Creation::Abstract | Creation::Refused { .. } => false,
            Creation::Root | Creation::New { .. } => true,
            Creation::OptIn { .. } => filters == Filters::PassThrough,
        }
    }

    /// The constructor's parameters. The first one names the parent; a root has none.
    pub(crate) fn constructor_params(&self) -> &'static [Param] {
        match self.creation {
            Creation::Abstract | Creation::Root => &[],
            Creation::Refused { params, .. }
            | Creation::New { params, .. }
            | Creation::OptIn { params, .. } => params,
        }
    }

    /// Its parents, the nearest first.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = &'static Self> {
        iter::successors(self.parent, |class| class.parent)
    }

    /// Whether it is `other` or derives from it.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.name == other.name || self.lineage().any(|class| class.name == other.name)
    }

    /// What `name` stands for in `invoke`, own or inherited; `None` if the class has no such operation.
    pub(crate) fn method(&'static self, name: &str) -> Option<Method> {
        self.with_lineage().find_map(|class| class.own_method(name))
    }

    /// The event to which `name` subscribes, with the name under which it is told: its own, or that of 6.x.
    pub(crate) fn event(&'static self, name: &str) -> Option<(&'static EventType, &'static str)> {
        self.with_lineage().flat_map(|class| class.events).find_map(|event| {
            let names = iter::once(event.name).chain(event.aliases.iter().copied());
            Some((*event, names.into_iter().find(|known| *known == name)?))
        })
    }

    fn with_lineage(&'static self) -> impl Iterator<Item = &'static Self> {
        iter::once(self).chain(self.lineage())
    }

    fn own_method(&'static self, name: &str) -> Option<Method> {
        if let Some(operation) = self.operations.iter().find(|operation| operation.name == name) {
            return Some(Method::Operation(operation));
        }
        let (verb, rest) = name.split_at_checked(3)?;
        self.properties.iter().find_map(|property| {
            let parameter = property.parameter_after_verb(rest)?;
            match (verb, &property.set) {
                ("get", _) => Some(Method::Get(property)),
                ("set", Set::Stored | Set::Applied(_)) => Some(Method::Set(property, parameter)),
                _ => None,
            }
        })
    }
}

impl Property {
    /// What its new value is called where `rest`, its name or an alias with an upper-case initial, stands
    /// behind `get` or `set`.
    fn parameter_after_verb(&self, rest: &str) -> Option<&'static str> {
        let aliases = self.aliases.iter().map(|alias| (alias.name, alias.parameter));
        let found = iter::once((self.name, self.name)).chain(aliases).find(|(name, _)| {
            let mut letters = name.chars();
            let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
            rest.strip_prefix(|letter| Some(letter) == initial) == Some(letters.as_str())
        });
        found.map(|(_, parameter)| parameter)
    }
}
