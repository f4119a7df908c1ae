"""Options, ``dbdeploy.yaml`` and variables become frozen settings; whatever is wrong is one clear ConfigError."""
