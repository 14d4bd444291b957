use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use syn::{
    Attribute, File, ItemMod, ItemUse, Meta, UseTree,
    visit::{self, Visit},
};

/// The modules of the library by path; the path of the crate root is empty.
pub(crate) struct Source(BTreeMap<String, File>);

/// An item that a module imports or names by its path.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) from: String,
    /// The module that defines the item.
    pub(crate) to: String,
    pub(crate) item: String,
    /// Whether the path goes through a re-export of the crate root or of the importer's own folder.
    pub(crate) is_detour: bool,
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}::{}", self.from, self.to, self.item)
    }
}

impl Source {
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut modules = BTreeMap::new();
        read_folder(&root, &mut Vec::new(), &mut modules);
        Self(modules)
    }

    /// All modules except the crate root.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&str, &File)> {
        let modules = self.0.iter().filter(|(path, _)| !path.is_empty());
        modules.map(|(path, file)| (path.as_str(), file))
    }

    pub(crate) fn imports(&self) -> Vec<Import> {
        let mut imports = BTreeSet::new();
        for (from, file) in self.modules() {
            for path in named_paths(file) {
                imports.extend(self.import(from, &path));
            }
        }
        imports.into_iter().collect()
    }

    /// The import that a path means if it begins with `crate`, `super` or `self` and leads to another module.
    fn import(&self, from: &str, path: &[String]) -> Option<Import> {
        let absolute = absolute(from, path)?;
        let (named, item) = self.split(&absolute)?;
        let to = self.definer(&named, &item);
        if to == from {
            return None;
        }
        let is_own = named.is_empty() || from.starts_with(&format!("{named}::")) || named == from;
        Some(Import {
            is_detour: is_own && to != named,
            from: from.to_owned(),
            to,
            item,
        })
    }

    /// Splits a path into its longest module and the item after it.
    fn split(&self, path: &[String]) -> Option<(String, String)> {
        let whole = path.join("::");
        if self.0.contains_key(&whole) {
            return Some((whole, "self".to_owned()));
        }
        let is_module = |len: &usize| self.0.contains_key(&path[..*len].join("::"));
        let len = (0..path.len()).rev().find(is_module)?;
        Some((path[..len].join("::"), path[len].clone()))
    }

    /// The module that defines an item that `module` may only re-export.
    fn definer(&self, module: &str, item: &str) -> String {
        let mut module = module.to_owned();
        while let Some(next) = self.reexported(&module, item) {
            module = next;
        }
        module
    }

    fn reexported(&self, module: &str, item: &str) -> Option<String> {
        let file = self.0.get(module)?;
        file.items.iter().find_map(|found| {
            let syn::Item::Use(found) = found else {
                return None;
            };
            let mut paths = Vec::new();
            collect(&found.tree, &mut Vec::new(), &mut paths);
            paths.into_iter().find_map(|(_, path)| {
                let is_item = path.last().is_some_and(|last| last == item);
                let absolute = is_item.then(|| absolute(module, &path))??;
                let (named, _) = self.split(&absolute)?;
                (named != module).then_some(named)
            })
        })
    }
}

fn read_folder(folder: &Path, path: &mut Vec<String>, modules: &mut BTreeMap<String, File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if file.is_dir() {
            path.push(name);
            read_folder(&file, path, modules);
            path.pop();
        } else if file.extension().is_some_and(|extension| extension == "rs") {
            let is_face = name == "lib" || name == "mod";
            let parts = path.iter().cloned().chain((!is_face).then_some(name));
            let module = parts.collect::<Vec<_>>().join("::");
            let text = fs::read_to_string(&file).unwrap();
            let parsed = syn::parse_file(&text);
            modules.insert(module, parsed.unwrap_or_else(|e| panic!("{file:?}: {e}")));
        }
    }
    // Its declaration in the parent module is under `#[cfg(test)]`.
    modules.retain(|module, _| !is_test_folder(module));
}

fn is_test_folder(module: &str) -> bool {
    module
        .split("::")
        .any(|part| part == "tests" || part == "interleavings")
}

/// Resolves the leading `crate`, `super` and `self`. `None` for a path that begins otherwise.
fn absolute(from: &str, path: &[String]) -> Option<Vec<String>> {
    let mut base: Vec<String> = from.split("::").map(str::to_owned).collect();
    base.retain(|part| !part.is_empty());
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            base.pop();
        }
        _ => return None,
    }
    rest = &rest[1..];
    while rest.first().is_some_and(|part| part == "super") {
        base.pop();
        rest = &rest[1..];
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// Every path in a module's code, except in its tests and in the re-exports of a `mod.rs`.
fn named_paths(file: &File) -> Vec<Vec<String>> {
    let mut paths = Paths::default();
    paths.visit_file(file);
    paths.0
}

#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        // Inside an inline module `super` means another module.
        if module.content.is_none() && !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if is_test(&item.attrs) {
            return;
        }
        let mut found = Vec::new();
        collect(&item.tree, &mut Vec::new(), &mut found);
        let is_face = !matches!(item.vis, syn::Visibility::Inherited);
        let found = found.into_iter().map(|(_, path)| path);
        let is_kept =
            |path: &Vec<String>| !(is_face && path.first().is_some_and(|part| part == "self"));
        self.0.extend(found.filter(is_kept));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts = path.segments.iter().map(|part| part.ident.to_string());
        // A lone `self` is a receiver, and a lone `super` a visibility.
        if path.segments.len() > 1 {
            self.0.push(parts.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }
}

pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string();
            condition == "test"
                || condition.starts_with("all (test")
                || condition.starts_with("all(test")
        }
        _ => false,
    })
}

/// Finds the imported paths, each with its name in the module.
pub(crate) fn collect(
    tree: &UseTree,
    path: &mut Vec<String>,
    found: &mut Vec<(String, Vec<String>)>,
) {
    let mut finish = |last: Option<String>, name: Option<&syn::Ident>| {
        let whole: Vec<_> = path.iter().cloned().chain(last).collect();
        let name = name.map_or_else(|| whole.last().cloned(), |name| Some(name.to_string()));
        found.push((name.unwrap_or_default(), whole));
    };
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            collect(&part.tree, path, found);
            path.pop();
        }
        UseTree::Name(name) if name.ident == "self" => finish(None, None),
        UseTree::Name(name) => finish(Some(name.ident.to_string()), None),
        UseTree::Rename(name) if name.ident == "self" => finish(None, Some(&name.rename)),
        UseTree::Rename(name) => finish(Some(name.ident.to_string()), Some(&name.rename)),
        UseTree::Glob(_) => finish(Some("*".to_owned()), None),
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(tree, path, found);
            }
        }
    }
}
