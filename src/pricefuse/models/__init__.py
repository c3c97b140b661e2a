"""Price models: one module a member, and the bundle that saves and loads the whole."""
