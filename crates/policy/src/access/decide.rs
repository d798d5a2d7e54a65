//! The decision.

use cedar_policy::Decision;

use super::rules::{RuleSet, Rules};
use super::slice::Question;
use super::{Action, Circumstances, Principal, Resource, Verdict};

impl Rules {
    /// Whether a principal may do something, by a set of policies. Nothing permits by being missing, and whatever goes
    /// wrong refuses.
    #[must_use]
    pub fn decide(
        &self,
        set: &RuleSet,
        principal: &Principal,
        action: Action,
        resource: &Resource,
        circumstances: &Circumstances,
    ) -> Verdict {
        let refused = |error: String| Verdict { allowed: false, policies: Vec::new(), errors: vec![error] };
        if set.tenant() != resource.tenant().map(|tenant| &tenant.id) {
            return refused("the policies of one tenant were asked about another".to_owned());
        }
        if !action.applies_to(resource.kind()) {
            return refused(format!("{action} cannot be done to a {}", resource.kind()));
        }
        if let (Some(why), Some(tenant)) = (&set.closed, resource.tenant())
            && principal.tenants().contains(&tenant.id)
        {
            return refused(why.clone());
        }
        match Question::put(self, principal, action, resource, circumstances, &set.zones, None) {
            Ok(question) => self.answer(set, &question),
            Err(error) => refused(error),
        }
    }

    pub(super) fn answer(&self, set: &RuleSet, question: &Question) -> Verdict {
        let response = self.authorizer.is_authorized(&question.request, &set.policies, &question.entities);
        let diagnostics = response.diagnostics();
        let mut policies: Vec<String> = diagnostics.reason().map(ToString::to_string).collect();
        policies.sort();
        let mut errors: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
        errors.sort();
        // Cedar passes a policy over that errs; it may have been the one that forbids.
        Verdict { allowed: response.decision() == Decision::Allow && errors.is_empty(), policies, errors }
    }
}
