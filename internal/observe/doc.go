// Package observe shows what a process does to whoever operates it: metrics in
// Prometheus's format, and traces by OTLP.
package observe
