"""The harness of the end-to-end tests: real processes, in network namespaces of their own."""
