// Package result provides the domain's own types: the normalized result of a refresh, which is the same for
// every trigger, and the table of failures. It imports no other package of this project.
package result
