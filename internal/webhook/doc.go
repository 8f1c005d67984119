// Package webhook tells other systems what has happened: a release was published,
// the catalog or a draft has changed.
//
// What is to be told is written into an outbox, for each subscription its own,
// and stays there until the subscriber has answered with 2xx: at least once, in
// order for each subscription. The form is that of Standard Webhooks
// (https://www.standardwebhooks.com). docs/admin-api.md is for those who receive.
package webhook
