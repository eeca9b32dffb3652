//! Plans as files give them: a plan's own file, another program's recipe, or a list of plans.

use std::path::{Path, PathBuf};

use prunescope_protocol::prune::{PlanFile, PruningPlan};
use prunescope_protocol::settings::link;

use crate::error::Error;
use crate::read;
use crate::recipe_file::Recipe;

/// A plan as a file gives it.
#[derive(Debug)]
pub(crate) enum GivenPlan {
    /// The plan itself.
    Plan(PruningPlan),
    /// A recipe, and its path: the plan depends on the model.
    Recipe(PathBuf, Recipe),
}

impl GivenPlan {
    /// Reads a plan file, or a recipe if it is not a JSON object.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Plan`] or [`Error::RecipeFile`].
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = read(path)?;
        let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if is_yaml || !is_json {
            let recipe = Recipe::read(&text).map_err(|why| Error::RecipeFile { path: path.into(), why })?;
            return Ok(Self::Recipe(path.into(), recipe));
        }
        let file = PlanFile::read(&text).map_err(|why| Error::Plan { path: path.into(), why })?;
        Ok(Self::Plan(file.plan(&PruningPlan::default())))
    }

    /// The plan for a model.
    ///
    /// * `layers`: the model's number of layers.
    ///
    /// # Errors
    /// [`Error::RecipeFile`] if no plan says the same as the recipe.
    pub(crate) fn plan(self, layers: usize) -> Result<PruningPlan, Error> {
        match self {
            Self::Plan(plan) => Ok(plan),
            Self::Recipe(path, recipe) => recipe.plan(layers).map_err(|why| Error::RecipeFile { path, why }),
        }
    }
}

/// Reads a list of plans, one a line: a plan as a link writes it, a link, or the path of a plan's file, from the list's folder on. Empty lines and
/// what follows # at the beginning of a line are left out.
///
/// # Errors
/// [`Error::PlanLine`] names the line that is no plan; [`Error::NoPlans`].
pub(crate) fn read_list(path: &Path) -> Result<Vec<GivenPlan>, Error> {
    let text = read(path)?;
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let plans: Vec<_> = lines
        .map(|(at, line)| {
            let wrong = |why: String| Error::PlanLine { path: path.into(), line: at + 1, why };
            if let Some((_, query)) = line.split_once('?') {
                let (settings, notices) = link::from_query(query);
                return if notices.is_empty() {
                    Ok(GivenPlan::Plan(settings.run.plan))
                } else {
                    Err(wrong(notices.join(" ")))
                };
            }
            match line.parse() {
                Ok(plan) => Ok(GivenPlan::Plan(plan)),
                Err(no_plan) => {
                    let file = path.parent().unwrap_or(Path::new("")).join(line);
                    if file.is_file() {
                        GivenPlan::read(&file)
                    } else {
                        Err(wrong(format!("{no_plan}; and no file has this name")))
                    }
                }
            }
        })
        .collect::<Result<_, _>>()?;
    if plans.is_empty() { Err(Error::NoPlans { path: path.into() }) } else { Ok(plans) }
}
