// Package admin is the HTTP API by which editors, programs and operators change
// the catalog and look after releases: OpenAPI 3.1, bearer tokens with roles.
//
// The API is a translation: a body becomes a catalog.Record, an If-Match header
// becomes the expectation of that record, a refusal becomes a problem document
// (RFC 9457) with one entry per field. What is right and what is wrong the
// catalog decides. docs/admin-api.md is for those who use it.
package admin
