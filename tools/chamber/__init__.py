"""A sorting chamber on the drawing board: what lies in it by chance (pure), and Blender that draws it."""
