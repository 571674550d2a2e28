"""Every public callable of the namespaces that models are made of, with a call to measure it by."""
