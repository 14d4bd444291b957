use std::collections::BTreeMap;

use syn::{
    File, ImplItemFn, ItemFn, ItemImpl, ItemMod, ItemUse, Macro, Path,
    buffer::{Cursor, TokenBuffer},
    visit::{self, Visit},
};

use crate::source::{collect, is_test};

/// What a module names, except in its tests: also items of other crates, and names in the tokens of macros.
#[derive(Default)]
pub(crate) struct Named {
    /// The paths that the module imports, by their names in the module.
    imports: BTreeMap<String, Vec<String>>,
    paths: Vec<Vec<String>>,
    /// The calls of macros, and whether their first token is `biased`.
    calls: Vec<(Vec<String>, bool)>,
}

impl Named {
    pub(crate) fn by(file: &File) -> Self {
        let mut named = Self::default();
        named.visit_file(file);
        named
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = Vec<String>> {
        self.paths.iter().map(|path| self.resolve(path))
    }

    /// The macros that are called without `biased`.
    pub(crate) fn unbiased(&self) -> impl Iterator<Item = Vec<String>> {
        let unbiased = self.calls.iter().filter(|(_, is_biased)| !is_biased);
        unbiased.map(|(path, _)| self.resolve(path))
    }

    /// Replaces an imported name at the beginning of a path.
    fn resolve(&self, path: &[String]) -> Vec<String> {
        let import = path.first().and_then(|first| self.imports.get(first));
        match import {
            Some(import) => import.iter().chain(&path[1..]).cloned().collect(),
            None => path.to_vec(),
        }
    }

    fn call(&mut self, path: Vec<String>, inside: Cursor<'_>) {
        let is_biased = inside.ident().is_some_and(|(first, _)| first == "biased");
        self.calls.push((path, is_biased));
    }

    /// Reads the tokens of a macro.
    fn scan(&mut self, mut cursor: Cursor<'_>) {
        while !cursor.eof() {
            if let Some((path, rest)) = path_at(cursor) {
                if let Some((inside, ..)) = after(rest, "!").and_then(Cursor::any_group) {
                    self.call(path.clone(), inside);
                }
                self.paths.push(path);
                cursor = rest;
            } else if let Some((inside, _, _, rest)) = cursor.any_group() {
                self.scan(inside);
                cursor = rest;
            } else {
                let Some((_, rest)) = cursor.token_tree() else {
                    return;
                };
                cursor = rest;
            }
        }
    }
}

fn path_at(cursor: Cursor<'_>) -> Option<(Vec<String>, Cursor<'_>)> {
    let (first, mut rest) = cursor.ident()?;
    let mut path = vec![first.to_string()];
    while let Some((next, end)) = after(rest, "::").and_then(Cursor::ident) {
        path.push(next.to_string());
        rest = end;
    }
    Some((path, rest))
}

fn after<'a>(cursor: Cursor<'a>, punctuation: &str) -> Option<Cursor<'a>> {
    punctuation.chars().try_fold(cursor, |cursor, expected| {
        let (found, rest) = cursor.punct()?;
        (found.as_char() == expected).then_some(rest)
    })
}

fn segments(path: &Path) -> Vec<String> {
    let segments = path.segments.iter();
    segments.map(|part| part.ident.to_string()).collect()
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if is_test(&item.attrs) {
            return;
        }
        let mut found = Vec::new();
        collect(&item.tree, &mut Vec::new(), &mut found);
        self.paths
            .extend(found.iter().map(|(_, path)| path.clone()));
        self.imports.extend(found);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        self.paths.push(segments(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let tokens = TokenBuffer::new2(call.tokens.clone());
        self.call(segments(&call.path), tokens.begin());
        self.scan(tokens.begin());
        visit::visit_macro(self, call);
    }
}
