// Package site loads a site: the folder that says, as code, in which countries
// and applications a provider shows its catalog, what each document contains,
// and when documents are made.
//
//	site.yaml                           name, description, stacks
//	environments/dev.env                a few variables; all that an environment is
//	content/stack.yaml                  countries, locales, ratings, groups, applications, documents, schedule
//	content/applications/tv/*.graphql   the shapes
//
// Loading reports everything that is wrong, not only the first thing, each with
// file, line, column and what would be right. docs/site.md describes every key.
package site
