// Package result holds the domain's own types: the one normalized result of a refresh, whatever
// triggered it, and the one table of what can go wrong. It imports nothing of this project.
package result
