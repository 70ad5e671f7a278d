"""What operators do: subjects, their keys and limits, a look into the stores."""
